"""A cart and its offers: what each line comes to, what each offer does, and why the others do not.

Two questions with one answer: the best combination of all offers there are (a quote), and exactly the offers that a
sale names. Both apply offers by the same function in the same order, so a sale of what was quoted comes to the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from crm.numbers import split
from crm.offers.basket import Basket
from crm.offers.choosing import Field, PointsOf, allowed, best
from crm.offers.discounts import MONEY, Effect, applied, effect_of, in_order
from crm.offers.eligibility import CART_LACKS, NO_POINTS, NOT_USED, Reason, reasons
from crm.offers.values import Buyer, IneligibilityCode, Offer, OfferKind, Stacking, Usage

NOT_COMBINABLE = Reason(code=IneligibilityCode.NOT_COMBINABLE)
OF_POINTS = frozenset({OfferKind.POINTS_MULTIPLIER, OfferKind.BONUS_POINTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An offer that may apply, what was redeemed of it, and whether a code that unlocks it was sent."""

    offer: Offer
    usage: Usage = NOT_USED
    code_sent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduction:
    """What is taken off once all offers have applied, in minor units: of one line, of the lines of a SKU, or of all."""

    amount: int
    line_number: int | None = None
    sku: str | None = None

    def indexes(self, basket: Basket) -> tuple[int, ...]:
        """Return the lines it is taken off."""
        if self.line_number is not None:
            return tuple(index for index, line in enumerate(basket.lines) if line.line_number == self.line_number)
        return basket.every_line if self.sku is None else basket.of_skus((self.sku,))


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedLine:
    """One line with everything taken off it, in minor units."""

    line_number: int
    amount: int
    discount: int

    @property
    def total(self) -> int:
        """What is left to pay for the line."""
        return self.amount - self.discount


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferResult:
    """What an offer does to the cart.

    `discount` (minor units) is None for kinds that take no money, `points` for those that give none; both are None
    where the offer does not apply. Of an offer that lost against others they say what it would give alone. `parts` is
    its discount by line number. An offer without reasons that is not applied would give nothing here.
    """

    offer: Offer
    applied: bool
    discount: int | None = None
    points: int | None = None
    parts: tuple[tuple[int, int], ...] = ()
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A cart with offers and rewards taken off.

    `lines` are in the order of the cart; `points` are all that it gives; `offers` first those applied, in the order in
    which they apply, then the others as they came.
    """

    lines: tuple[PricedLine, ...]
    subtotal: int
    discount_total: int
    points: int
    offers: tuple[OfferResult, ...]

    @property
    def applied(self) -> tuple[Offer, ...]:
        """The offers that apply, in their order."""
        return tuple(result.offer for result in self.offers if result.applied)


def no_points(left: Sequence[int], offers: Sequence[Offer]) -> int:
    """Return the points of a sale that gives none to anybody."""
    return 0


def priced_best(
    basket: Basket,
    candidates: Sequence[Candidate],
    buyer: Buyer | None,
    *,
    points_of: PointsOf = no_points,
    points_to: Mapping[str, int] = NO_POINTS,
    deductions: Sequence[Deduction] = (),
) -> Priced:
    """Return the cart with the best allowed combination of the candidates.

    Args:
        buyer: None for an anonymous cart.
        points_of: what a sale gives, in the order of line numbers (crm/offers/choosing.py).
        points_to: as `eligibility.reasons` takes it.
        deductions: what the till and rewards take off after the offers.
    """
    judged = [
        (one, reasons(one.offer, basket, buyer, one.usage, code_sent=one.code_sent, points_to=points_to))
        for one in candidates
    ]
    eligible = [one for one, why in judged if not why]
    field = _field(basket, eligible, points_of, deductions)
    chosen = _with_reward_codes(best(field).offers, eligible)
    applying = {offer.id for offer in chosen}
    losers = [_lost(field, one.offer, why) for one, why in judged if one.offer.id not in applying]
    return _priced(field, chosen, losers, {}, deductions)


def priced_named(
    basket: Basket,
    candidates: Sequence[Candidate],
    buyer: Buyer | None,
    *,
    points_of: PointsOf = no_points,
    points_to: Mapping[str, int] = NO_POINTS,
    deductions: Sequence[Deduction] = (),
    accept: bool = False,
) -> Priced:
    """Return the cart with exactly these offers; those that do not apply, or not beside the others, say why.

    Args:
        accept: they were applied by a till that could not ask (`acceptOffers`). All are applied, within and beyond
            their limits, and their reasons are for warnings; 0 is the discount of one for which the cart lacks
            something. A caller that does not accept refuses the sale where any result has reasons.
    """
    named: list[tuple[Candidate, tuple[Reason, ...]]] = []
    beside: list[Offer] = []
    for one in sorted(candidates, key=lambda one: in_order(one.offer)):
        why = reasons(one.offer, basket, buyer, one.usage, code_sent=one.code_sent, points_to=points_to)
        if not why and not allowed(one.offer, beside):
            why = (NOT_COMBINABLE,)
        beside += [] if why else [one.offer]
        named.append((one, why))
    if not accept:
        field = _field(basket, [one for one, why in named if not why], points_of, deductions)
        refused = [OfferResult(offer=one.offer, applied=False, reasons=why) for one, why in named if why]
        return _priced(field, beside, refused, {}, deductions)
    giving = [one for one, why in named if not any(reason.code in CART_LACKS for reason in why)]
    field = _field(basket, giving, points_of, deductions, ignore_budget=True)
    return _priced(field, [one.offer for one, _ in named], [], {one.offer.id: why for one, why in named}, deductions)


def _field(
    basket: Basket,
    eligible: Iterable[Candidate],
    points_of: PointsOf,
    deductions: Sequence[Deduction],
    *,
    ignore_budget: bool = False,
) -> Field:
    def after_deductions(left: tuple[int, ...], offers: tuple[Offer, ...]) -> int:
        return points_of(tuple(deducted(basket, left, deductions)), offers)

    some = list(eligible)
    return Field(
        basket=basket,
        effects=[
            effect_of(one.offer, basket, one.usage, ignore_budget=ignore_budget)
            for one in some
            if one.offer.kind in MONEY
        ],
        of_points=[one.offer for one in some if one.offer.kind in OF_POINTS],
        points_of=after_deductions if deductions else points_of,
    )


def _with_reward_codes(chosen: Sequence[Offer], eligible: Iterable[Candidate]) -> list[Offer]:
    """Return the best combination and the reward codes that may be handed out beside it.

    They give neither money nor points, so by these alone none would ever be the best.
    """
    all_ = list(chosen)
    codes = [one.offer for one in eligible if one.offer.kind is OfferKind.REWARD_CODE]
    for offer in sorted(codes, key=lambda one: (one.stacking is Stacking.EXCLUSIVE, *in_order(one))):
        if allowed(offer, all_):
            all_.append(offer)
    return sorted(all_, key=in_order)


def _lost(field: Field, offer: Offer, why: tuple[Reason, ...]) -> OfferResult:
    """Return an offer that does not apply, or lost against the best combination."""
    if why:
        return OfferResult(offer=offer, applied=False, reasons=why)
    discount = field.alone.get(offer.id)
    points = _points_beside(field, field.basket.amounts, [offer], offer)
    nothing = discount == 0 or points == 0
    return OfferResult(
        offer=offer,
        applied=False,
        discount=discount,
        points=points,
        reasons=() if nothing else (NOT_COMBINABLE,),
    )


def _points_beside(field: Field, left: Sequence[int], offers: Iterable[Offer], offer: Offer) -> int | None:
    """Return the points that an offer adds to the others; None for kinds that give none."""
    if offer.kind not in OF_POINTS:
        return None
    giving = [one for one in offers if one in field.of_points]
    return field.points(left, giving) - field.points(left, [one for one in giving if one is not offer])


def _priced(
    field: Field,
    chosen: Sequence[Offer],
    others: Sequence[OfferResult],
    accepted: Mapping[str, tuple[Reason, ...]],
    deductions: Sequence[Deduction],
) -> Priced:
    basket, ids = field.basket, {offer.id for offer in chosen}
    effects: list[Effect] = [effect for effect in field.effects if effect.offer.id in ids]
    of_points = [offer for offer in field.of_points if offer.id in ids]
    state, parts = applied(effects, basket)
    numbers = [line.line_number for line in basket.lines]
    results = [
        OfferResult(
            offer=offer,
            applied=True,
            discount=sum(off for _, off in parts.get(offer.id, ())) if offer.kind in MONEY else None,
            points=_points_beside(field, state.left, of_points, offer),
            parts=tuple((numbers[index], off) for index, off in parts.get(offer.id, ())),
            reasons=accepted.get(offer.id, ()),
        )
        for offer in chosen
    ]
    left = deducted(basket, state.left, deductions)
    by_number = {
        line.line_number: PricedLine(line_number=line.line_number, amount=amount, discount=amount - kept)
        for line, amount, kept in zip(basket.lines, basket.amounts, left, strict=True)
    }
    return Priced(
        lines=tuple(by_number[line.line_number] for line in basket.cart.lines),
        subtotal=basket.total,
        discount_total=basket.total - sum(left),
        points=field.points(state.left, of_points),
        offers=(*results, *others),
    )


def deducted(basket: Basket, left: Sequence[int], deductions: Iterable[Deduction]) -> list[int]:
    """Return what deductions leave of each line: each split over its lines by largest remainder, never below 0."""
    now = list(left)
    for one in deductions:
        indexes = one.indexes(basket)
        weights = [now[index] for index in indexes]
        for index, off in zip(indexes, split(min(one.amount, sum(weights)), weights), strict=True):
            now[index] -= off
    return now
