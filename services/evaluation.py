"""Scores what is served on real data: the Complete Journey's weeks 50 to 53 against what was known by week 49.

The purchases of weeks 1 to 49 become the same counters and statistics that sales and the worker make; the lists come
from the very functions that the API calls. tests/services/test_evaluation.py holds that a shop over MongoDB answers
the same. Beside them two baselines of the same run: what is popular, and what the person buys most often.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from crm.ids import product_id
from crm.taste import counters, ranking
from crm.taste.counters import Tally, Taste, taste_of
from crm.taste.measures import LENGTH, Measures, area_under_curve, measures
from crm.taste.offer_scoring import REACH_DAYS, Fit, Subject, Subjects, ranked, shares
from crm.taste.ranking import CATEGORY_POPULARITY, Known, Pick, RecommendationKind, Shelf
from crm.taste.statistics import Columns, Statistics, statistics
from services.imports.journey_campaigns import JourneyCampaign, read_campaigns
from services.recommendations import Wanted, picks, place_that_counts, places
from store.tastes import COUNTED_MAX

if TYPE_CHECKING:
    from services.imports.journey_split import JourneySplit, SplitBasket

CHANNEL = "POS"
COUPONS_FROM = datetime(2017, 8, 1, tzinfo=UTC)
TOP_FEW, TOP_MANY = 5, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """One way of ranking: how its lists of everything, and of what is new to each person, met what came."""

    weeks: Measures
    next: Measures
    novel: Measures


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupons:
    """One way of ranking coupons, over the lists of which one or more was redeemed."""

    auc: float
    hit5: float
    recall16: float
    lists: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way of ranking everything."""

    product: Lists
    category: Lists
    coupons: Coupons


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What was served, beside the baselines of the same run."""

    served: Method
    popularity: Method
    personal_frequency: Method
    lines: int


@dataclass(slots=True, kw_only=True)
class Person:
    """A household as of the cut, and what it bought then."""

    taste: Taste
    baskets: int
    first_at: datetime
    weeks: dict[str, set[str]] = field(default_factory=lambda: {"products": set(), "categories": set()})
    next: dict[str, Collection[str]] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class CouponList:
    """The coupons that one household was mailed, ranked three ways, and those it redeemed."""

    fits: dict[str, Fit]
    popularity: dict[str, Fit]
    personal: dict[str, Fit]
    redeemed: frozenset[str]


def evaluate(
    folder: Path | None = None,
    *,
    split: "JourneySplit | None" = None,
    households: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """Read, split, rank and score; about a minute for all of it.

    Args:
        split: the data as it was read before.
        households: only the first so many, by number.
        progress: told how many of how many households are read.

    Raises:
        JourneyDataError: the data is not installed.
    """
    from services.imports.journey_split import CUT, load_split

    split = split or load_split(folder)
    people, coupon_lists, found = _read(split, CUT, _mailed(split, folder), households, progress)
    ways = _ways(people, found, CUT)
    coupons = [_coupons([getattr(one, name) for one in coupon_lists], coupon_lists) for name in _COUPON_WAYS]
    methods = [
        Method(
            product=_scored(people, "products", *lists["products"]),
            category=_scored(people, "categories", *lists["categories"]),
            coupons=of_coupons,
        )
        for lists, of_coupons in zip(ways, coupons, strict=True)
    ]
    return Evaluation(served=methods[0], popularity=methods[1], personal_frequency=methods[2], lines=split.lines)


_COUPON_WAYS = ("fits", "popularity", "personal")


class _Mailing:
    """A late campaign: its coupons indexed for scoring as of its start, and who redeemed which."""

    def __init__(self, campaign: JourneyCampaign, split: "JourneySplit") -> None:
        self.starts_at = campaign.starts_at
        self.subjects: list[Subject] = []
        window = split.window(after=self.starts_at - timedelta(days=REACH_DAYS), before=self.starts_at)
        for coupon in campaign.coupons:
            products = frozenset(product_id(str(sku)) for sku in coupon.skus)
            reach = window.households_buying(coupon.skus)
            in_categories = shares(split.catalogue.get(product) for product in products)
            self.subjects.append(Subject(id=coupon.upc, products=products, shares=in_categories, reach=reach))
        self.index = Subjects(self.subjects)
        self.redeemed: dict[str, set[str]] = {}
        for one in campaign.redemptions:
            self.redeemed.setdefault(one.household, set()).add(one.upc)

    def ranked_for(self, household: str, taste: Taste) -> CouponList:
        """Return the coupons ranked for a household as of the campaign's start."""
        baskets = {product: counter.n for product, counter in taste.products.items()}
        personal, popular = {}, {}
        for subject in self.subjects:
            popular[subject.id] = Fit(score=float(subject.reach))
            bought = sum(baskets[product] for product in subject.products & baskets.keys())
            personal[subject.id] = Fit(score=bought + subject.reach / 1e6)  # ties go to the popular one
        return CouponList(
            fits=self.index.fits(taste, self.starts_at),
            popularity=popular,
            personal=personal,
            redeemed=frozenset(self.redeemed[household]),
        )


def _mailed(split: "JourneySplit", folder: Path | None) -> list[_Mailing]:
    campaigns = read_campaigns(folder).campaigns
    late = [campaign for campaign in campaigns if campaign.starts_at >= COUPONS_FROM]
    return sorted((_Mailing(campaign, split) for campaign in late), key=lambda mailing: mailing.starts_at)


def _read(
    split: "JourneySplit",
    cut: datetime,
    mailings: Sequence[_Mailing],
    households: int | None,
    progress: Callable[[int, int], None],
) -> tuple[dict[str, Person], list[CouponList], Statistics]:
    """Go through the households once: counters, columns for the statistics, what came, and the coupons' lists."""
    columns = Columns()
    people: dict[str, Person] = {}
    lists: list[CouponList] = []
    total = min(split.count(), households or split.count())
    for done, (household, baskets) in enumerate(split.households(), 1):
        before = [basket for basket in baskets if basket.at < cut]
        after = [basket for basket in baskets if basket.at >= cut]
        for basket in before:
            columns.add(
                basket.of, basket.at, owner=household, known=True, store_code=basket.store_code, channel=CHANNEL
            )
        if before and after:
            people[household] = _person(before, after)
        lists += _coupon_lists(household, baskets, mailings)
        progress(done, total)
        if done == total:
            break
    return people, lists, statistics(columns.done(), cut, split.catalogue, pairs=False)


def _person(before: Sequence["SplitBasket"], after: Sequence["SplitBasket"]) -> Person:
    tally = Tally(limit=COUNTED_MAX)
    for basket in before:
        tally.add(basket.of, basket.at, store_code=basket.store_code, channel=CHANNEL)
    person = Person(taste=taste_of(list(tally.years.values())), baskets=len(before), first_at=before[0].at)
    for basket in after:
        person.weeks["products"] |= basket.of.products
        person.weeks["categories"] |= basket.of.categories
    person.next = {"products": after[0].of.products, "categories": after[0].of.categories}
    return person


def _coupon_lists(
    household: str, baskets: Sequence["SplitBasket"], mailings: Sequence[_Mailing]
) -> Iterator[CouponList]:
    """Yield the lists of which the household redeemed something, each as of the campaign's start."""
    wanted = [mailing for mailing in mailings if household in mailing.redeemed]
    tally, waiting = Tally(limit=COUNTED_MAX), iter([*baskets, None])
    basket = next(waiting)
    for mailing in wanted:
        while basket is not None and basket.at < mailing.starts_at:
            tally.add(basket.of, basket.at, store_code=basket.store_code, channel=CHANNEL)
            basket = next(waiting)
        yield mailing.ranked_for(household, taste_of(list(tally.years.values())))


Ranked = tuple[dict[str, list[str]], dict[str, list[str]]]
"""Lists of everything, and of what is new, by person."""


def _ways(people: Mapping[str, Person], found: Statistics, cut: datetime) -> list[dict[str, Ranked]]:
    """Return the lists of the served way and of the two baselines, of products and of categories."""
    served = {"products": _served_products(people, found, cut), "categories": _served_categories(people, found)}
    ways = [served, {}, {}]
    for kind in ("products", "categories"):
        often: Counter[str] = Counter()
        for person in people.values():
            of: Mapping[str, counters.Counter] = getattr(person.taste, kind)
            often.update({thing: counter.n for thing, counter in of.items()})
        popular = sorted(often, key=lambda thing: (-often[thing], thing))
        everything, personal, new = {}, {}, {}
        for name, person in people.items():
            own = getattr(person.taste, kind)
            new[name] = _first(thing for thing in popular if thing not in own)
            mine = sorted(own, key=lambda thing: (-own[thing].n, -often[thing], thing))
            everything[name], personal[name] = popular[:LENGTH], [*mine, *new[name]][:LENGTH]
        ways[1][kind], ways[2][kind] = (everything, new), (personal, new)
    return ways


def _first(things: Iterator[str]) -> list[str]:
    return [thing for _, thing in zip(range(LENGTH), things, strict=False)]


def known_of(found: Statistics) -> tuple[Known, Known]:
    """Return what the statistics know of products and of categories, as services know it from the database."""
    products, categories = (
        Known(
            rho={thing.name: thing.rho for thing in things},
            households={thing.name: thing.households for thing in things},
            categories={thing.name: thing.category for thing in things if thing.category},
            rho_else=rho_else,
            most=shelf[0][1] if shelf else 0,
        )
        for things, rho_else, shelf in (
            (found.products, found.product_rho, found.shelves.get("all", ())),
            (found.categories, found.category_rho, found.category_shelf),
        )
    )
    return products, categories


def served(
    person: Person, found: Statistics, known: Known, kind: RecommendationKind | None, at: datetime
) -> list[Pick]:
    """Return the list that `Customer.recommendations` answers with."""
    wanted = Wanted(
        customer_id="", personalized=True, baskets=person.baskets, first_at=person.first_at,
        store_code=None, channel=None, kind=kind, first=LENGTH,
    )  # fmt: skip
    shelves = {place: Shelf(things=shelf) for place, shelf in found.shelves.items()}
    shelf = shelves.get(place_that_counts(places(wanted, person.taste), shelves), Shelf())
    scores = ranking.products(person.taste, known, at)
    return picks(wanted, person.taste, scores, shelf, {})[:LENGTH]


def _served_products(people: Mapping[str, Person], found: Statistics, cut: datetime) -> Ranked:
    known, _ = known_of(found)

    def lists(kind: RecommendationKind | None) -> dict[str, list[str]]:
        return {
            name: [pick.thing for pick in served(person, found, known, kind, cut)] for name, person in people.items()
        }

    return lists(None), lists(RecommendationKind.DISCOVER)


def _served_categories(people: Mapping[str, Person], found: Statistics) -> Ranked:
    """Rank categories by the same rule; no list of the API shows them, offers are scored by their counters."""
    _, known = known_of(found)
    shelf = Shelf(things=found.category_shelf)
    everything, new = {}, {}
    for name, person in people.items():
        own = person.taste.categories
        discover = ranking.popular(shelf, leave_out=own, popularity=CATEGORY_POPULARITY, count=LENGTH)
        mixed = ranking.mixed(ranking.categories(person.taste, known), discover, LENGTH)
        everything[name], new[name] = [pick.thing for pick in mixed], [pick.thing for pick in discover]
    return everything, new


def _scored(
    people: Mapping[str, Person], kind: str, everything: dict[str, list[str]], new: dict[str, list[str]]
) -> Lists:
    weeks = {name: person.weeks[kind] for name, person in people.items()}
    novel = {name: person.weeks[kind] - getattr(person.taste, kind).keys() for name, person in people.items()}
    return Lists(
        weeks=measures(everything, weeks),
        next=measures(everything, {name: person.next[kind] for name, person in people.items()}),
        novel=measures(new, novel),
    )


def _coupons(ways: Sequence[Mapping[str, Fit]], lists: Sequence[CouponList]) -> Coupons:
    """Score one way: the AUC's mean over lists, lists with one of the first five redeemed, redeemed ones in 16."""
    areas, few, many, redeemed = [], 0, 0, 0
    for fits, one in zip(ways, lists, strict=True):
        order = ranked(fits)
        area = area_under_curve([fits[id_].score for id_ in order], [id_ in one.redeemed for id_ in order])
        areas += [area] if area is not None else []
        few += any(id_ in one.redeemed for id_ in order[:TOP_FEW])
        many += sum(id_ in one.redeemed for id_ in order[:TOP_MANY])
        redeemed += len(one.redeemed)
    return Coupons(
        auc=sum(areas) / max(len(areas), 1),
        hit5=few / max(len(lists), 1),
        recall16=many / max(redeemed, 1),
        lists=len(lists),
    )
