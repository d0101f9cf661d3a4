"""The best allowed combination of offers: an exclusive one alone, or combinable ones, at most one of a stacking group.

Best is the largest discount, then the most points, then the fewest offers, then the lowest ids: exact over up to 12
combinable offers that give anything; of more, the 12 that are the best alone take part.

The search decides on one offer after the other in the order in which they apply, so all combinations that begin alike
share what they have in common, and leaves a branch once a bound shows that nothing in it can win. The bound: what is
certainly left when every offer still undecided takes part. What `per_line` effects leave is least when all of them
apply; any other effect takes at most what it takes alone; a percentage of the whole leaves less of less. All three are
proven in crm/offers/discounts.py's two facts, whatever is rounded.

Offers of points take no money, so they are chosen beside it: for each of the equally large discounts, by the same
kind of search, with the points of all undecided ones as its bound.
"""

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field

from crm.offers.basket import Basket
from crm.offers.discounts import Effect, State, alone, applied, apply, in_order, start, taken_of
from crm.offers.values import Offer, OfferKind, Stacking

COMBINABLE_MAX = 12
"""Over how many combinable offers the choice is exact."""

PointsOf = Callable[[tuple[int, ...], tuple[Offer, ...]], int]
"""All points that a sale gives, from what is left of each line (in the order of line numbers) and the offers applied.

More offers of points never give less: multipliers are at least 1.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A combination and what it comes to: offers in the order in which they apply."""

    offers: tuple[Offer, ...]
    discount: int
    points: int

    @property
    def rank(self) -> tuple[int, int, int, tuple[str, ...]]:
        """What the best choice has the least of."""
        return -self.discount, -self.points, len(self.offers), tuple(sorted(offer.id for offer in self.offers))


@dataclass(slots=True, kw_only=True)
class Field:
    """The offers that apply to a cart: those that take money as effects, and those that give points.

    `alone` is what each effect takes by itself, by its offer's id. Points are asked for with what is left of the
    lines; the same question is asked once.
    """

    basket: Basket
    effects: Sequence[Effect]
    of_points: Sequence[Offer]
    points_of: PointsOf
    alone: dict[str, int] = field(init=False)
    _asked: dict[tuple[tuple[int, ...], tuple[str, ...]], int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.alone = {effect.offer.id: alone(effect, self.basket) for effect in self.effects}

    def points(self, left: Sequence[int], offers: Iterable[Offer]) -> int:
        """Return the points of a sale of what is left of the lines, with these offers of points."""
        given = tuple(sorted(offers, key=in_order))
        key = (tuple(left), tuple(offer.id for offer in given))
        if key not in self._asked:
            self._asked[key] = self.points_of(key[0], given)
        return self._asked[key]


def best(field_: Field) -> Choice:
    """Return the best allowed combination, which may be none at all."""
    effects = [effect for effect in field_.effects if field_.alone[effect.offer.id]]  # else it never gives anything
    offers = [*(effect.offer for effect in effects), *field_.of_points]
    exclusive = [offer for offer in offers if offer.stacking is Stacking.EXCLUSIVE]
    combinable = [offer for offer in offers if offer.stacking is Stacking.COMBINABLE]
    ids = {offer.id for offer in _best_alone(field_, combinable, COMBINABLE_MAX)}
    chosen = [effect for effect in effects if effect.offer.id in ids]
    of_points = _worth_giving(offer for offer in field_.of_points if offer.id in ids)
    groups = {offer.stacking_group for offer in of_points} - {None}
    candidates = [_alone(field_, offer) for offer in _best_alone(field_, exclusive, 1)]
    candidates += [
        _with_points(field_, effects_, left, of_points) for effects_, left in _largest(field_, chosen, groups)
    ]
    return min(candidates, key=lambda choice: choice.rank)


def _best_alone(field_: Field, offers: Sequence[Offer], number: int) -> Sequence[Offer]:
    """Return the offers that rank best as combinations of their own; points are asked for only where they decide."""
    if len(offers) <= number:
        return offers
    taken = sorted((field_.alone.get(offer.id, 0) for offer in offers), reverse=True)
    least = taken[number - 1]
    sure = [offer for offer in offers if field_.alone.get(offer.id, 0) > least]
    equal = [offer for offer in offers if field_.alone.get(offer.id, 0) == least]
    return [*sure, *sorted(equal, key=lambda offer: _alone(field_, offer).rank)[: number - len(sure)]]


def _alone(field_: Field, offer: Offer) -> Choice:
    """Return an offer as a combination of its own."""
    effects = [effect for effect in field_.effects if effect.offer is offer]
    state, _ = applied(effects, field_.basket)
    discount = field_.basket.total - sum(state.left)
    points = field_.points(state.left, () if effects else (offer,))
    return Choice(offers=(offer,), discount=discount, points=points)


def _worth_giving(of_points: Iterable[Offer]) -> list[Offer]:
    """Return offers of points in their order, without flat ones that another of their stacking group outdoes."""
    offers = sorted(of_points, key=in_order)
    most: dict[str, Offer] = {}
    for offer in offers:
        if offer.kind is OfferKind.BONUS_POINTS and offer.stacking_group is not None:
            other = most.get(offer.stacking_group, offer)
            most[offer.stacking_group] = min(offer, other, key=lambda one: (-(one.value or 0), one.id))
    return [
        offer
        for offer in offers
        if offer.kind is not OfferKind.BONUS_POINTS
        or offer.stacking_group is None
        or most[offer.stacking_group] is offer
    ]


def _largest(
    field_: Field, effects: Sequence[Effect], groups: Set[str | None]
) -> list[tuple[tuple[Effect, ...], tuple[int, ...]]]:
    """Return the combinations with the largest discount, each with what it leaves of the lines.

    Of those that leave the same of every line and the same of the stacking `groups` that offers of points are of, only
    the one with the fewest offers and the lowest ids: the points beside them are the same.
    """
    search = _Search(field_, effects, fewest_of_nothing=not groups)
    nothing = (0,) * len(field_.basket.lines)
    found: dict[tuple[tuple[int, ...], frozenset[str | None]], tuple[Effect, ...]] = {}
    for chosen in search.largest():
        left = nothing if not search.least else tuple(applied(chosen, field_.basket)[0].left)
        key = left, frozenset(effect.offer.stacking_group for effect in chosen) & groups
        if key not in found or _fewest(chosen) < _fewest(found[key]):
            found[key] = chosen
    return [(chosen, left) for (left, _), chosen in found.items()]


def _fewest(effects: Sequence[Effect]) -> tuple[int, list[str]]:
    return len(effects), sorted(effect.offer.id for effect in effects)


def _with_points(field_: Field, effects: Sequence[Effect], left: tuple[int, ...], of_points: Sequence[Offer]) -> Choice:
    """Return the best combination that takes off what the effects do, with offers of points beside them."""
    money = [effect.offer for effect in effects]
    discount = field_.basket.total - sum(left)

    def choice(given: Sequence[Offer]) -> Choice:
        offers = tuple(sorted([*money, *given], key=in_order))
        return Choice(offers=offers, discount=discount, points=field_.points(left, given))

    found = choice(())

    def decide(given: tuple[Offer, ...], rest: tuple[Offer, ...]) -> None:
        nonlocal found
        if not rest:
            found = min(found, choice(given), key=lambda one: one.rank)
            return
        bound = field_.points(left, (*given, *rest))
        if (-bound, len(money) + len(given)) > (-found.points, len(found.offers)):
            return
        offer, others = rest[0], rest[1:]
        if allowed(offer, given):
            decide((*given, offer), others)
        decide(given, others)

    decide((), tuple(offer for offer in of_points if allowed(offer, money)))
    return found


def allowed(offer: Offer, beside: Iterable[Offer]) -> bool:
    """Whether an offer may apply beside others: none of them exclusive, none of its own stacking group."""
    return all(
        one.stacking is Stacking.COMBINABLE
        and offer.stacking is Stacking.COMBINABLE
        and (offer.stacking_group is None or one.stacking_group != offer.stacking_group)
        for one in beside
    )


class _Search:
    """All combinations of effects that take off the most together; `least` is what these leave.

    Args:
        fewest_of_nothing: of combinations that leave nothing at all, only those with the fewest offers are of use.
    """

    def __init__(self, field_: Field, effects: Sequence[Effect], *, fewest_of_nothing: bool) -> None:
        self.least = field_.basket.total + 1
        self._basket = field_.basket
        self._fewest_of_nothing = fewest_of_nothing
        self._effects = sorted(effects, key=lambda effect: in_order(effect.offer))
        self._alone = [field_.alone[effect.offer.id] for effect in self._effects]
        self._tail = len(self._effects)
        while self._tail and self._effects[self._tail - 1].of_whole:
            self._tail -= 1
        self._found: list[tuple[Effect, ...]] = []
        self._fewest = len(effects)

    def largest(self) -> list[tuple[Effect, ...]]:
        """Return them; none that has an offer which takes nothing in it."""
        self._decide(0, start(self._basket), self._basket.total, (), frozenset())
        return self._found

    def _decide(self, depth: int, state: State, left: int, chosen: tuple[Effect, ...], groups: frozenset[str]) -> None:
        """Go through all combinations that begin with `chosen`, which leave `left` of all lines and `state` of each.

        From the tail on, where only the sum counts, the state stays behind. `groups` are the stacking groups taken.
        """
        if depth == len(self._effects) or left == 0:
            self._keep(left, chosen)
            return
        if self.least == 0 and self._fewest_of_nothing and len(chosen) >= self._fewest:
            return
        effect = self._effects[depth]
        group = effect.offer.stacking_group
        if group not in groups:
            after = state if depth >= self._tail else state.copy()
            off = taken_of(effect, left) if depth >= self._tail else apply(effect, after)
            if off:  # what takes nothing here only adds to the number of offers
                taken = groups if group is None else groups | {group}
                self._decide(depth + 1, after, left - off, (*chosen, effect), taken)
        if self._bound(depth + 1, state, left) <= self.least:
            self._decide(depth + 1, state, left, chosen, groups)

    def _keep(self, left: int, chosen: tuple[Effect, ...]) -> None:
        if left < self.least:
            self.least, self._found, self._fewest = left, [], len(chosen)
        if left == self.least:
            self._fewest = min(self._fewest, len(chosen))
            self._found.append(chosen)

    def _bound(self, depth: int, state: State, left: int) -> int:
        """Return what is left at the least, whichever of the effects from `depth` on apply."""
        if depth < self._tail:
            floor, others = state.copy(), 0
            for number in range(depth, self._tail):
                if self._effects[number].per_line:
                    apply(self._effects[number], floor)
                else:
                    others += self._alone[number]
            left = max(0, sum(floor.left) - others)
        for number in range(max(depth, self._tail), len(self._effects)):
            left -= taken_of(self._effects[number], left)
        return left
