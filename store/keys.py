"""Natural keys as documents: who or what an e-mail address, a card or another system's id names.

`_id` says what is named, `ref` the object, `owner` the customer whose shard holds it. A key is inserted in the
transaction of what it names, so the collection's `_id` index decides every race; uniqueness survives sharding, and a
merge re-points keys instead of losing them.
"""

from collections.abc import Iterable, Sequence

from store import writing
from store.client import Database, Document, Tx
from store.collections import KEYS

Pair = tuple[str, str]
"""An external id: the source's name and the value there."""


def email(address: str) -> str:
    """Return the key of a normalised e-mail address."""
    return f"email:{address}"


def phone(number: str) -> str:
    """Return the key of a phone number in E.164."""
    return f"phone:{number}"


def card(number: str) -> str:
    """Return the key of a customer card's number."""
    return f"card:{number}"


def external(pair: Pair) -> str:
    """Return the key of a customer's id in another system."""
    return f"ext:{_joined(pair)}"


def purchase(pair: Pair) -> str:
    """Return the key of a purchase's id in another system."""
    return f"pur:{_joined(pair)}"


def purchase_return(pair: Pair) -> str:
    """Return the key of a return's id in another system."""
    return f"ret:{_joined(pair)}"


def referral(code: str) -> str:
    """Return the key of the code by which a customer refers others."""
    return f"ref:{code}"


def event(pair: Pair, customer_id: str | None = None) -> str:
    """Return the key of a tracked event's id in another system; of one the customer told, among that customer's."""
    return f"evt:{customer_id}:{_joined(pair)}" if customer_id else f"evt:{_joined(pair)}"


def once(customer_id: str, rule_id: str, period: str) -> str:
    """Return the key of points that a person is granted once a period."""
    return f"once:{customer_id}:{rule_id}:{period}"


def code(text: str) -> str:
    """Return the key of a code, of a reward or an offer, however it was typed."""
    return f"code:{text.strip().upper()}"


def refused(pair: Pair) -> str:
    """Return the key of a batch's sale that was refused by the rules."""
    return f"refused:{_joined(pair)}"


def of_id(id_: str) -> str:
    """Return the key that knows the owner of an object that may change hands."""
    return f"id:{id_}"


def _joined(pair: Pair) -> str:
    source, value = pair
    return f"{source.replace('%', '%25').replace(':', '%3A')}:{value}"


async def find(database: Database, ids: Iterable[str], *, tx: Tx | None = None) -> dict[str, Document]:
    """Return the keys that exist, by their id."""
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return {}
    cursor = database[KEYS].find({"_id": {"$in": wanted}}, session=tx.session if tx else None)
    return {key["_id"]: key for key in await cursor.to_list(None)}


async def insert(database: Database, keys: Sequence[Document], *, tx: Tx) -> None:
    """Claim keys; a DuplicateKeyError ends the transaction when one is taken."""
    await writing.insert(database, KEYS, keys, tx=tx)


async def put(database: Database, key: Document) -> None:
    """Store a key that nobody competes for."""
    await database[KEYS].replace_one({"_id": key["_id"]}, key, upsert=True)


async def delete(database: Database, ids: Sequence[str], *, ref: str, tx: Tx) -> None:
    """Give up keys that name `ref`."""
    if ids:
        await database[KEYS].delete_many({"_id": {"$in": list(ids)}, "ref": ref}, session=tx.session)


async def change_owner(database: Database, ids: Sequence[str], owner: str, *, tx: Tx) -> None:
    """Let keys say that what they name is another owner's now."""
    await database[KEYS].update_many({"_id": {"$in": list(ids)}}, {"$set": {"owner": owner}}, session=tx.session)
