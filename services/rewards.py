"""What points buy: rewards of the programme, redeemed for a code or within a sale, with stock and limits."""

import secrets
from collections.abc import Sequence

from crm.ids import REDEMPTION, REWARD, account_of, encode, prefix_of
from crm.refusals import Refusal, UserErrorCode, invalid
from loyalty.points import Source, SpentPart
from loyalty.values import Program, Reward, SourceKind
from services.context import Call
from services.inputs import CustomerKey
from services.lookup import customer
from services.outcomes import Outcome, done, finish
from services.standing import Standing, locked, write
from store import keys
from store import rewards as stored
from store.client import Document, Tx
from store.rewards import GIVEN_BACK, REDEEMED, USED

CODE_LENGTH = 12


async def redeem_reward(call: Call, key: CustomerKey | None, reward_id: str) -> Outcome:
    """Spend points on a reward and return the single-use code that a later sale names.

    Raises:
        Refusal: INVALID for an id of another type, REWARD_UNAVAILABLE, INSUFFICIENT_POINTS, NOT_FOUND.
    """
    if prefix_of(reward_id) != REWARD:
        raise invalid("This is not an id of a reward.", "rewardId")
    owner = await customer(call, key, "customer")
    code = encode(secrets.randbits(128))[-CODE_LENGTH:]

    async def work(tx: Tx) -> Outcome:
        standing = await locked(call, owner, "customer", tx=tx)
        reward = await _take(call, standing, standing.program_at(call.now), reward_id, ("rewardId",), tx=tx)
        source = Source(kind=SourceKind.REWARD, node_id=reward.id)
        try:
            standing.ledger.spend(reward.points, occurred_at=call.now, source=source, reason=reward.title)
        except Refusal as problem:
            raise Refusal(problem.code, problem.message, ("rewardId",)) from None
        redemption = _redemption(call, owner, reward, status=REDEEMED)
        await stored.insert(call.database, [{**redemption, "code": code}], tx=tx)
        await keys.insert(
            call.database, [{"_id": keys.redemption(code), "ref": redemption["_id"], "owner": owner}], tx=tx
        )
        facts = await write(call, standing, tx=tx)
        outcome = done(
            reward=reward.id, code=code, transaction=standing.ledger.entries[-1].id, account=account_of(owner)
        )
        return await finish(call, outcome, facts, owner=owner, tx=tx)

    return await call.database.transaction(work, queue=owner)


async def redeem_in_sale(
    call: Call, standing: Standing, reward_ids: Sequence[str], purchase: Document, source: Source, *, tx: Tx
) -> tuple[SpentPart, ...]:
    """Spend points on rewards that a sale hands out, and note them in the purchase.

    Raises:
        Refusal: REWARD_UNAVAILABLE, INSUFFICIENT_POINTS; INVALID where a reward's product is not in the sale.
    """
    program = standing.program_at(purchase["occurredAt"])
    taken: list[Reward] = []
    for index, reward_id in enumerate(reward_ids):
        field = ("rewardIds", str(index))
        before = sum(one.id == reward_id for one in taken)
        reward = await _take(call, standing, program, reward_id, field, before=before, tx=tx)
        _check_product(purchase, reward.product_sku, field)
        taken.append(reward)
    try:
        parts = standing.ledger.spend(
            sum(reward.points for reward in taken),
            occurred_at=purchase["occurredAt"],
            source=source,
            reason=", ".join(dict.fromkeys(reward.title for reward in taken)),
        )
    except Refusal as problem:
        raise Refusal(problem.code, problem.message, ("rewardIds",)) from None
    redemptions = [
        {**_redemption(call, standing.customer_id, reward, status=USED), "purchaseId": purchase["_id"]}
        for reward in taken
    ]
    await stored.insert(call.database, redemptions, tx=tx)
    named = [_named(one, reward.value) for one, reward in zip(redemptions, taken, strict=True)]
    purchase["redemptions"] = [*purchase.get("redemptions", ()), *named]  # a code's may stand there
    return parts


def _check_product(purchase: Document, sku: str | None, field: tuple[str, ...]) -> None:
    """Hold that a product which is a reward is in the sale."""
    if sku is not None and all(line["sku"] != sku for line in purchase["lines"]):
        raise invalid("The reward's product is not in the sale.", *field)


async def _take(
    call: Call,
    standing: Standing,
    program: Program,
    reward_id: str,
    field: tuple[str, ...],
    *,
    before: int = 0,
    tx: Tx,
) -> Reward:
    """Return a reward that this person may have, one less of it in stock; `before` were taken in the same sale."""
    reward = next((one for one in program.rewards if one.id == reward_id and one.active), None)
    if reward is None:
        raise _unavailable("There is no such reward now.", field)
    if reward.per_customer_limit is not None:
        counts = await stored.counts(call.database, standing.customer_id, [reward_id], tx=tx)
        if counts.get(reward_id, 0) + before >= reward.per_customer_limit:
            raise _unavailable(f"A customer has this reward at most {reward.per_customer_limit} times.", field)
    if not await stored.take(call.database, reward_id, 1, tx=tx):
        raise _unavailable("None of this reward are left.", field)
    return reward


def _unavailable(message: str, field: tuple[str, ...]) -> Refusal:
    return Refusal(UserErrorCode.REWARD_UNAVAILABLE, message, field)


def _redemption(call: Call, owner: str, reward: Reward, *, status: str) -> Document:
    return {
        "_id": call.new_id(REDEMPTION),
        "owner": owner,
        "rewardId": reward.id,
        "points": reward.points,
        "value": reward.value,
        "productSku": reward.product_sku,
        "at": call.now,
        "status": status,
    }


def _named(redemption: Document, value: int | None, *, code: bool = False) -> Document:
    """Return a redemption as its purchase keeps it."""
    names = {name: redemption[name] for name in ("owner", "rewardId", "productSku")}
    return {"id": redemption["_id"], **names, "value": value, "code": code}


async def use_codes(call: Call, codes: Sequence[str], purchase: Document, *, tx: Tx) -> None:
    """Use single-use codes of rewards in a sale: the customer's own, or anybody's in an anonymous one.

    Raises:
        Refusal: OFFER_NOT_ELIGIBLE for a code that is none or another's, OFFER_EXHAUSTED for a used one, INVALID where
            its product is not in the sale.
    """
    names = [keys.redemption(code.strip().upper()) for code in codes]
    found = await keys.find(call.database, names, tx=tx)
    for index, name in enumerate(names):
        field = ("codes", str(index))
        key = found.get(name)
        if key is None or purchase["customerId"] not in (None, key["owner"]):
            raise Refusal(UserErrorCode.OFFER_NOT_ELIGIBLE, "There is no such code for this customer.", field)
        changes = {"status": USED, "purchaseId": purchase["_id"]}
        if not await stored.set_status(call.database, key["owner"], key["ref"], REDEEMED, changes, tx=tx):
            raise Refusal(UserErrorCode.OFFER_EXHAUSTED, "This code was used already.", field)
        (redemption,) = await stored.by_ids(call.database, key["owner"], [key["ref"]], tx=tx)
        _check_product(purchase, redemption["productSku"], field)
        purchase.setdefault("redemptions", []).append(_named(redemption, redemption["value"], code=True))


async def give_back(call: Call, purchase: Document, *, tx: Tx) -> None:
    """Undo what a wholly returned sale had redeemed: its points go back with the return, a code can be used again."""
    for one in purchase["redemptions"]:
        status = REDEEMED if one["code"] else GIVEN_BACK
        changes = {"status": status, "purchaseId": None}
        if await stored.set_status(call.database, one["owner"], one["id"], USED, changes, tx=tx) and not one["code"]:
            await stored.take(call.database, one["rewardId"], -1, tx=tx)
