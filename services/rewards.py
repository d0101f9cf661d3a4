"""What points buy: rewards of the programme, redeemed for a code or within a sale, with stock and limits."""

from collections.abc import Iterable, Sequence
from typing import Any

from crm.ids import REDEMPTION, REWARD, account_of, prefix_of
from crm.refusals import Refusal, UserErrorCode, invalid
from loyalty.points import Source, SpentPart
from loyalty.values import Program, Reward, RewardKind, SourceKind
from services import offer_codes
from services.context import Call
from services.inputs import CustomerKey
from services.lookup import customer
from services.offer_usage import NO_CODE, USED_CODE, FoundCode
from services.outcomes import Outcome, done, finish
from services.standing import Standing, locked, write
from store import keys, offers
from store import rewards as stored
from store.client import Document, Tx
from store.rewards import GIVEN_BACK, REDEEMED, USED

CODE_FIRST = "This reward is a code: redeem it first, and send the code in codes."


async def redeem_reward(call: Call, key: CustomerKey | None, reward_id: str) -> Outcome:
    """Spend points on a reward and return the single-use code that a later sale names.

    Raises:
        Refusal: INVALID for an id of another type, REWARD_UNAVAILABLE, INSUFFICIENT_POINTS, NOT_FOUND.
    """
    if prefix_of(reward_id) != REWARD:
        raise invalid("This is not an id of a reward.", "rewardId")
    owner = await customer(call, key, "customer")

    async def work(tx: Tx) -> Outcome:
        standing = await locked(call, owner, "customer", tx=tx)
        reward = await _take(call, standing, standing.program_at(call.now), reward_id, ("rewardId",), tx=tx)
        source = Source(kind=SourceKind.REWARD, node_id=reward.id)
        try:
            standing.ledger.spend(reward.points, occurred_at=call.now, source=source, reason=reward.title)
        except Refusal as problem:
            raise Refusal(problem.code, problem.message, ("rewardId",)) from None
        given = await _code(call, owner, reward, tx=tx)
        facts = await write(call, standing, tx=tx)
        spent = standing.ledger.entries[-1].id
        outcome = done(reward=reward.id, code=given["code"], transaction=spent, account=account_of(owner))
        return await finish(call, outcome, facts, owner=owner, tx=tx)

    return await call.database.transaction(work, queue=owner)


async def give(call: Call, standing: Standing, reward_id: str, field: tuple[str, ...], *, tx: Tx) -> dict[str, Any]:
    """Give a customer a reward's code for nothing: an offer hands it out. Returns what `withdraw` wants to know.

    Raises:
        Refusal: REWARD_UNAVAILABLE.
    """
    reward = await _take(call, standing, standing.program_at(call.now), reward_id, field, tx=tx)
    return await _code(call, standing.customer_id, reward, points=0, tx=tx)


async def _code(call: Call, owner: str, reward: Reward, *, points: int | None = None, tx: Tx) -> dict[str, Any]:
    """Store a redemption with its code: the reward's own, or one of the offer that the reward gives."""
    redemption = _redemption(call, owner, reward, status=REDEEMED)
    code = offer_codes.new_text()
    if reward.kind is RewardKind.OFFER_CODE:
        issued = offer_codes.new_code(call, reward.offer_id or "", owner)
        await offer_codes.insert(call, [issued], tx=tx)
        code = issued["code"]
    else:
        key = {"_id": keys.code(code), "ref": redemption["_id"], "owner": owner}
        await keys.insert(call.database, [key], tx=tx)
    spent = reward.points if points is None else points
    await stored.insert(call.database, [{**redemption, "points": spent, "code": code}], tx=tx)
    return {"id": redemption["_id"], "owner": owner, "rewardId": reward.id, "code": code}


async def withdraw(call: Call, given: Document, *, tx: Tx) -> None:
    """Take back a code that an offer had handed out, where it was not used: what it was given for came back."""
    changes = {"status": GIVEN_BACK}
    if await offer_codes.withdraw(call, given["code"], tx=tx) and await stored.set_status(
        call.database, given["owner"], given["id"], REDEEMED, changes, tx=tx
    ):
        await stored.take(call.database, given["rewardId"], -1, tx=tx)


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
        if reward.kind is RewardKind.OFFER_CODE:
            raise invalid(CODE_FIRST, *field)
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
    purchase["rewards"] = [*purchase.get("rewards", ()), *named]  # a code's may stand there
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
    if reward is None or not await _offer_stands(call, reward, tx=tx):
        raise _unavailable("There is no such reward now.", field)
    if reward.per_customer_limit is not None:
        counts = await stored.counts(call.database, standing.customer_id, [reward_id], tx=tx)
        if counts.get(reward_id, 0) + before >= reward.per_customer_limit:
            raise _unavailable(f"A customer has this reward at most {reward.per_customer_limit} times.", field)
    if not await stored.take(call.database, reward_id, 1, tx=tx):
        raise _unavailable("None of this reward are left.", field)
    return reward


async def _offer_stands(call: Call, reward: Reward, *, tx: Tx) -> bool:
    """Whether the offer whose code a reward gives, if it does, can be had now or later."""
    if reward.kind is not RewardKind.OFFER_CODE:
        return True
    offer = await offers.get(call.database, reward.offer_id or "", tx=tx)
    return offer is not None and offer["active"] and (offer["endsAt"] is None or call.now < offer["endsAt"])


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


async def use_codes(call: Call, codes: Iterable[FoundCode], purchase: Document, *, tx: Tx) -> None:
    """Use single-use codes of rewards in a sale: the customer's own, or anybody's in an anonymous one.

    Raises:
        Refusal: OFFER_NOT_ELIGIBLE for a code that is another's, OFFER_EXHAUSTED for a used one, INVALID where its
            product is not in the sale.
    """
    for code in codes:
        field, key = ("codes", str(code.index)), code.key
        if key is None or purchase["customerId"] not in (None, key["owner"]):
            raise Refusal(UserErrorCode.OFFER_NOT_ELIGIBLE, NO_CODE, field)
        changes = {"status": USED, "purchaseId": purchase["_id"]}
        if not await stored.set_status(call.database, key["owner"], key["ref"], REDEEMED, changes, tx=tx):
            raise Refusal(UserErrorCode.OFFER_EXHAUSTED, USED_CODE, field)
        (redemption,) = await stored.by_ids(call.database, key["owner"], [key["ref"]], tx=tx)
        _check_product(purchase, redemption["productSku"], field)
        purchase.setdefault("rewards", []).append(_named(redemption, redemption["value"], code=True))


async def give_back(call: Call, purchase: Document, *, tx: Tx) -> None:
    """Undo what a wholly returned sale had redeemed: its points go back with the return, a code can be used again."""
    for one in purchase["rewards"]:
        status = REDEEMED if one["code"] else GIVEN_BACK
        changes = {"status": status, "purchaseId": None}
        if await stored.set_status(call.database, one["owner"], one["id"], USED, changes, tx=tx) and not one["code"]:
            await stored.take(call.database, one["rewardId"], -1, tx=tx)
