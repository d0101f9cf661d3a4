"""What a cart is to be paid with besides money: codes, rewards and points, looked at and not taken.

Whatever could not be had is a warning, in the words and with the code of the refusal that a sale would give, and the
rest of the cart is quoted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from crm.offers.basket import Basket
from crm.offers.quoting import Deduction
from crm.offers.values import Offer, OfferKind
from crm.refusals import Refusal, UserErrorCode, invalid
from loyalty.values import Program, Reward, RewardKind
from services.context import Call
from services.offer_usage import NO_CODE, USED_CODE, FoundCode, judged
from services.paying import unit_prices
from services.quote_inputs import CartInput
from services.rewards import CODE_FIRST
from services.settled import available_now
from services.shoppers import Shopper
from store import rewards

REWARDS_MAX = 40
"""As many rewards as a cart can have, by codes and by ids."""


@dataclass(slots=True, kw_only=True)
class Payments:
    """What codes and rewards take off after the offers, and what could not be had.

    `unlocked` are the offers that codes unlock, by id, each with the field of its code; `rewards` are the ids of those
    that the cart takes, `units` the prices of single units that no reward has given yet, by SKU.
    """

    deductions: list[Deduction] = field(default_factory=list)
    unlocked: dict[str, tuple[str, ...]] = field(default_factory=dict)
    rewards: list[str] = field(default_factory=list)
    units: dict[str, list[int]] = field(default_factory=dict)
    warnings: list[Refusal] = field(default_factory=list)


def name_codes(payments: Payments, codes: Sequence[FoundCode], customer_id: str | None) -> list[FoundCode]:
    """Note the offers that codes unlock; return the codes of rewards."""
    of_rewards = [code for code in codes if code.of_reward]
    for code, problem in judged((code for code in codes if not code.of_reward), customer_id, payments.unlocked):
        if problem:
            payments.warnings.append(problem)
        elif code.offer_id:
            payments.unlocked[code.offer_id] = ("codes", str(code.index))
    return of_rewards


async def use_reward_codes(
    call: Call, payments: Payments, codes: Sequence[FoundCode], basket: Basket, customer_id: str | None
) -> None:
    """Take off what redeemed rewards are worth whose codes were sent."""
    seen: set[str] = set()
    for code in codes:
        at = ("codes", str(code.index))
        assert code.key is not None, "the code of a reward has its key"
        owner, id_ = code.key["owner"], code.key["ref"]
        if customer_id not in (None, owner):
            payments.warnings.append(Refusal(UserErrorCode.OFFER_NOT_ELIGIBLE, NO_CODE, at))
            continue
        (redemption,) = await rewards.by_ids(call.database, owner, [id_])
        if redemption["status"] != rewards.REDEEMED or id_ in seen:
            payments.warnings.append(Refusal(UserErrorCode.OFFER_EXHAUSTED, USED_CODE, at))
            continue
        seen.add(id_)
        _take_off(payments, basket, redemption["value"], redemption["productSku"], at)


async def redeem(call: Call, payments: Payments, input: CartInput, who: Shopper, basket: Basket) -> None:
    """Look whether the points suffice, and take off what the rewards are worth."""
    if input.points is None and not input.reward_ids:
        return
    program, available = who.program(call), await available_now(call, who.account)
    if input.points is not None and input.points > available + program.overdraft_points:
        payments.warnings.append(_short(input.points, available, ("points",)))
    left = available - min(input.points or 0, available)
    wanted = input.reward_ids or []
    for index, reward in enumerate(await _to_be_had(call, who, program, wanted)):
        at = ("rewardIds", str(index))
        if isinstance(reward, str):
            payments.warnings.append(Refusal(UserErrorCode.REWARD_UNAVAILABLE, reward, at))
        elif reward.kind is RewardKind.OFFER_CODE:
            payments.warnings.append(invalid(CODE_FIRST, *at))
        elif reward.points > left:
            payments.warnings.append(_short(reward.points, left, at))
        elif _take_off(payments, basket, reward.value, reward.product_sku, at):
            left -= reward.points
            payments.rewards.append(reward.id)


async def not_to_hand_out(call: Call, payments: Payments, who: Shopper, offers: Iterable[Offer]) -> set[str]:
    """Return the ids of the offers of REWARD_CODE whose reward cannot be had; of one whose code was sent, warn."""
    giving = [offer for offer in offers if offer.kind is OfferKind.REWARD_CODE]
    if not giving:
        return set()
    wanted = [*payments.rewards, *(offer.reward_id or "" for offer in giving)]
    found = (await _to_be_had(call, who, who.program(call), wanted))[len(payments.rewards) :]
    gone = {offer.id: why for offer, why in zip(giving, found, strict=True) if isinstance(why, str)}
    for id_, why in gone.items():
        if id_ in payments.unlocked:
            payments.warnings.append(Refusal(UserErrorCode.REWARD_UNAVAILABLE, why, payments.unlocked[id_]))
    return set(gone)


def _short(points: int, available: int, at: tuple[str, ...]) -> Refusal:
    message = f"{points} points are needed, {available} are available."
    return Refusal(UserErrorCode.INSUFFICIENT_POINTS, message, at)


async def _to_be_had(call: Call, who: Shopper, program: Program, wanted: Sequence[str]) -> list[Reward | str]:
    """Return each of the rewards wanted, or why it cannot be had: gone, out of stock, beyond its limit."""
    live = (await call.shop.known.offers()).by_id
    by_id = {
        reward.id: reward
        for reward in program.rewards
        if reward.active and (reward.kind is not RewardKind.OFFER_CODE or reward.offer_id in live)
    }
    limited = {id_ for id_ in wanted if id_ in by_id and by_id[id_].per_customer_limit is not None}
    had = await rewards.counts(call.database, who.id, limited) if limited else {}
    stocks = await rewards.stocks(call.database, wanted) if wanted else {}

    def found(index: int, id_: str) -> Reward | str:
        reward, before = by_id.get(id_), wanted[:index].count(id_)
        if reward is None:
            return "There is no such reward now."
        limit = reward.per_customer_limit
        if limit is not None and had.get(id_, 0) + before >= limit:
            return f"A customer has this reward at most {limit} times."
        return "None of this reward are left." if stocks.get(id_, before + 1) <= before else reward

    return [found(index, id_) for index, id_ in enumerate(wanted)]


def _take_off(payments: Payments, basket: Basket, value: int | None, sku: str | None, at: tuple[str, ...]) -> bool:
    """Take off an amount, or one unit of a product; False, and a warning, where the product is not in the cart."""
    if sku is None:
        payments.deductions += [Deduction(amount=value)] if value else []
        return True
    if sku not in basket.by_sku:
        payments.warnings.append(invalid("The reward's product is not in the sale.", *at))
        return False
    if sku not in payments.units:
        lines = [{"sku": one.sku, "quantity": one.quantity, "unitPrice": one.unit_price} for one in basket.lines]
        payments.units[sku] = unit_prices(lines, sku, REWARDS_MAX, basket.cart.currency_digits)
    if not payments.units[sku]:
        payments.warnings.append(invalid("The sale has fewer of a product than rewards that give it.", *at))
        return False
    payments.deductions.append(Deduction(amount=payments.units[sku].pop(0), sku=sku))
    return True
