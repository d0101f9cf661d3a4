"""`crm evaluate`: scored on what is served, and a shop over MongoDB serves the very same lists."""

from datetime import timedelta
from itertools import islice

import pytest

from crm.taste.counters import Tally, taste_of
from crm.taste.ranking import RecommendationKind
from crm.taste.statistics import Columns, Statistics, statistics
from services.evaluation import Person, evaluate, known_of, served
from services.imports.journey_campaigns import read_campaigns
from services.imports.journey_split import CUT, JourneySplit, SplitBasket, load_split
from store.tastes import COUNTED_MAX
from tests.services.taste_helpers import allow, rebuilt, recommended, skus
from tests.support import World

BASKETS_EACH = 6


@pytest.fixture(scope="module")
def split() -> JourneySplit:
    return load_split()


def test_the_split_leaves_out_what_nobody_would_recommend(split: JourneySplit) -> None:
    assert split.lines == 1_440_542
    assert split.count() == 2_467
    assert len(set(split.catalogue.values())) == 299


def test_a_sample_is_scored_in_seconds_and_beats_what_is_popular(split: JourneySplit) -> None:
    told: list[tuple[int, int]] = []

    evaluation = evaluate(split=split, households=60, progress=lambda done, total: told.append((done, total)))

    assert told[-1] == (60, 60)
    served_, popular, often = evaluation.served, evaluation.popularity, evaluation.personal_frequency
    assert 40 < served_.product.weeks.people <= 60
    assert served_.product.weeks.ndcg > popular.product.weeks.ndcg
    assert served_.product.next.recall > popular.product.next.recall
    assert served_.product.weeks.ndcg > often.product.weeks.ndcg - 0.02
    for figures in (served_.product.weeks, served_.category.weeks, popular.category.next):
        assert 0 < figures.recall < 1
        assert 0 < figures.ndcg < 1
        assert 0 < figures.hit <= 1
    assert served_.coupons.lists > 3
    assert 0.5 < served_.coupons.auc <= 1


def test_all_campaigns_are_read_and_repeated_redemptions_counted_once() -> None:
    read = read_campaigns()

    assert len(read.campaigns) == 27
    assert read.mailings == 6_589
    assert (read.coupon_rows, read.redemptions_read, read.redemptions_repeated) == (116_204, 2_102, 27)
    assert sum(len(campaign.redemptions) for campaign in read.campaigns) == 2_102
    first = read.campaigns[0]
    assert (first.starts_at.isoformat(), first.ends_at.isoformat()) == (
        "2017-03-03T05:00:00+00:00",
        "2017-04-10T04:00:00+00:00",
    )


Baskets = dict[str, list[SplitBasket]]


def last_baskets(split: JourneySplit) -> Baskets:
    """Return the last baskets before the cut of the first households that have so many."""
    before = {
        name: [basket for basket in baskets if basket.at < CUT] for name, baskets in islice(split.households(), 20)
    }
    return {name: baskets[-BASKETS_EACH:] for name, baskets in before.items() if len(baskets) >= BASKETS_EACH}


def person_of(baskets: list[SplitBasket]) -> Person:
    tally = Tally(limit=COUNTED_MAX)
    for basket in baskets:
        tally.add(basket.of, basket.at, store_code=basket.store_code, channel="POS")
    return Person(taste=taste_of(list(tally.years.values())), baskets=len(baskets), first_at=baskets[0].at)


def statistics_of(households: Baskets, catalogue: dict[str, str]) -> Statistics:
    columns = Columns()
    for name, baskets in households.items():
        for basket in baskets:
            columns.add(basket.of, basket.at, owner=name, known=True, store_code=basket.store_code, channel="POS")
    until = max(basket.at for baskets in households.values() for basket in baskets)
    return statistics(columns.done(), until, catalogue)


async def test_a_shop_over_mongodb_serves_the_lists_that_are_scored(world: World, split: JourneySplit) -> None:
    """Some households' last baskets before the cut, sold one by one; then their lists, both ways."""
    households = last_baskets(split)
    assert len(households) > 8
    sku_of = {id_: str(number) for number, id_ in split.ids.items()}
    customers = {name: await world.customer(email=f"h{name}@example.com") for name in households}
    for name, baskets in households.items():
        await allow(world, customers[name])
        for place, basket in enumerate(baskets):
            payload = await world.sell(**sold(basket, sku_of, split.catalogue, f"{name}-{place}", customers[name]))
            assert payload["userErrors"] == []
    world.clock.now = CUT + timedelta(hours=1)
    await rebuilt(world)

    found = statistics_of(households, split.catalogue)
    known, _ = known_of(found)
    for name, baskets in households.items():
        for kind in (None, RecommendationKind.DISCOVER):
            scored = served(person_of(baskets), found, known, kind, world.clock())
            listed = await recommended(world, customers[name], kind)
            assert skus(listed) == [sku_of[pick.thing] for pick in scored]
            assert [one["score"] for one in listed] == pytest.approx([pick.score for pick in scored])


def sold(
    basket: SplitBasket, sku_of: dict[str, str], catalogue: dict[str, str], id_: str, customer: str
) -> dict[str, object]:
    lines = [
        {
            "lineNumber": number,
            "sku": sku_of[product],
            "title": sku_of[product],
            "category": catalogue[product],
            "quantity": "1",
            "unitPrice": "1.00",
        }
        for number, product in enumerate(sorted(basket.of.products), 1)
    ]
    return {
        "id": id_,
        "lines": lines,
        "total": f"{len(lines)}.00",
        "customer": {"id": customer},
        "occurredAt": basket.at.isoformat(),
        "storeCode": basket.store_code,
    }
