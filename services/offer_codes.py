"""Issues single-use codes of offers: to customers, to whoever brings one, for points."""

import secrets
from collections.abc import Iterable, Sequence

from pymongo.errors import DuplicateKeyError

from crm.ids import OFFER_CODE, OFFER_ISSUE, prefix_of
from crm.refusals import invalid, not_found
from services.context import Call
from services.inputs import CustomerKey
from services.lookup import named_customers
from services.offers import check_id, offer_fact
from services.outcomes import Outcome, done, finish, try_again
from store import keys, offers
from store import offer_codes as stored
from store.client import Document, Tx

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Of codes: without 0 and O, 1, I and L, and without U, which makes words."""
CODE_LENGTH = 12
CODES_MAX = 10_000
TRIES = 3


async def issue_offer_codes(call: Call, id_: str, count: int, customers: Sequence[CustomerKey] | None) -> Outcome:
    """Issue single-use codes of an offer: `count` to whoever brings them, or to each customer named.

    The outcome names the issue, whose codes are stored: a retry is answered with the same ones.

    Raises:
        Refusal: INVALID for a count outside 1 to 10,000 in all, or an offer that needs no code; NOT_FOUND for an offer
            or a customer that is not there.
    """
    check_id(id_)
    in_all = count * (1 if customers is None else len(customers))
    if count < 1 or not 1 <= in_all <= CODES_MAX:
        raise invalid(f"From 1 to {CODES_MAX} codes are issued at once.", "count")

    async def work(tx: Tx) -> Outcome:
        offer = await offers.get(call.database, id_, tx=tx)
        if offer is None:
            raise not_found("No such offer.", "id")
        if not offer["conditions"]["requiresCode"]:
            raise invalid("This offer needs no code.", "id")
        named = None if customers is None else await named_customers(call, customers, "customers", tx=tx)
        owners: Iterable[str | None] = [None] * count if named is None else [one for one in named for _ in range(count)]
        issue = call.new_id(OFFER_ISSUE)
        codes = [
            {**new_code(call, id_, owner), "issueId": issue, "position": position}
            for position, owner in enumerate(owners)
        ]
        await insert(call, codes, tx=tx)
        fact = offer_fact(offer, "CODES_ISSUED", count=len(codes))
        return await finish(call, done(offer=id_, issue=issue), [fact], owner=id_, tx=tx)

    for _ in range(TRIES):
        try:
            return await call.database.transaction(work)
        except DuplicateKeyError:
            continue  # one of the codes was there: 59 bits make that all but impossible
    raise try_again("count")


def new_code(call: Call, offer_id: str, owner: str | None) -> Document:
    """Return a new single-use code of an offer, for a customer or for whoever brings it."""
    id_ = call.new_id(OFFER_CODE)
    return {
        "_id": id_,
        "owner": owner or id_,
        "offerId": offer_id,
        "code": new_text(),
        "status": stored.ISSUED,
        "purchaseId": None,
        "issuedAt": call.now,
    }


async def insert(call: Call, codes: Sequence[Document], *, tx: Tx) -> None:
    """Store codes with the keys by which they are found; a DuplicateKeyError says that one is there already."""
    named = [
        {"_id": keys.code(code["code"]), "ref": code["_id"], "owner": code["owner"], "offerId": code["offerId"]}
        for code in codes
    ]
    await keys.insert(call.database, named, tx=tx)
    await stored.insert(call.database, codes, tx=tx)


def new_text() -> str:
    """Return what nobody guesses: 59 random bits, in letters and digits that nobody takes for another."""
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))


async def withdraw(call: Call, text: str, *, tx: Tx) -> bool:
    """Let an offer's code that was not used be none; False where it was. A code of a reward is left alone."""
    key = (await keys.find(call.database, [keys.code(text)], tx=tx)).get(keys.code(text))
    if key is None or prefix_of(key["ref"]) != OFFER_CODE:
        return True
    gone = {"status": stored.WITHDRAWN}
    return await stored.set_status(call.database, key["owner"], key["ref"], stored.ISSUED, gone, tx=tx)
