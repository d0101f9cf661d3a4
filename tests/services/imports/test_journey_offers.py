"""The campaigns of real households: coupons as offers, who was mailed, and what was redeemed."""

from datetime import UTC, datetime
from pathlib import Path

from services.checking import check
from services.imports.complete_journey import import_journey
from services.imports.journey_campaigns import JourneyCampaigns, read_campaigns
from services.imports.journey_offers import offer_id, tag
from services.offer_inputs import OfferInput
from services.offers import save_offer
from services.validation import parse
from tests.services.taste_helpers import rebuilt
from tests.support import World

LISTED = """query($id: ID!) { customer(by: {id: $id}) { offers(first: 50) {
  offer { conditions { tags } } score why personalized eligibility { eligible } } } }"""


def redeemed(read: JourneyCampaigns, households: set[str]) -> list[str]:
    """Return the offers that these households redeemed, once for each time."""
    return sorted(
        offer_id(campaign, one.upc)
        for campaign in read.campaigns
        for one in campaign.redemptions
        if one.household in households
    )


async def test_coupons_go_in_with_products_and_span_and_households_with_what_they_were_mailed(
    world: World, mailed_folder: Path
) -> None:
    report = await import_journey(world.shop, data_dir=mailed_folder)

    read = read_campaigns(mailed_folder)
    first = read.campaigns[0]
    offers = {offer["_id"]: offer for offer in await world.all("offers")}
    assert len(offers) == report.offers.offers == 1_197
    offer = offers[offer_id(first, first.coupons[0].upc)]
    assert set(offer["conditions"]["skus"]) <= {str(sku) for sku in first.coupons[0].skus}
    assert offer["conditions"]["tags"] == [tag(first)]
    assert (offer["startsAt"], offer["endsAt"]) == (first.starts_at, first.ends_at)
    assert offer["startsAt"] == datetime(2017, 3, 3, 5, tzinfo=UTC)
    people = {person["externalIds"][0]["value"]: set(person["tags"]) for person in await world.all("customers")}
    for household, tags in people.items():
        assert tags == {tag(campaign) for campaign in read.campaigns if household in campaign.households}
    assert report.offers.mailings == sum(len(tags) for tags in people.values()) > 10


async def test_what_was_redeemed_stands_with_the_basket_of_that_day(world: World, mailed_folder: Path) -> None:
    report = await import_journey(world.shop, data_dir=mailed_folder)

    households = {person["externalIds"][0]["value"] for person in await world.all("customers")}
    rows = await world.all("offer_redemptions")
    expected = redeemed(read_campaigns(mailed_folder), households)
    assert sorted(row["offerId"] for row in rows) == expected
    assert len(expected) == report.offers.redemptions == 40
    assert (report.offers.redemptions_repeated, report.offers.redemptions_left_out) == (3, 0)
    purchases = {purchase["_id"]: purchase for purchase in await world.all("purchases")}
    for row in rows:
        (one,) = [one for one in purchases[row["purchaseId"]]["redemptions"] if one["id"] == row["_id"]]
        assert (one["offerId"], one["discount"], one["returned"]) == (row["offerId"], 0, False)
    events = [event["nodeId"] for event in await world.all("outbox", {"topic": "OFFER", "data.change": "REDEEMED"})]
    assert sorted(events) == expected
    assert (await check(world.call())).differences == []


async def test_a_second_import_adds_nothing(world: World, mailed_folder: Path) -> None:
    await import_journey(world.shop, data_dir=mailed_folder)
    before = await world.everything()

    again = await import_journey(world.shop, data_dir=mailed_folder)

    assert await world.everything() == before
    assert (again.offers.offers, again.offers.offers_known) == (0, 1_197)
    assert (again.offers.redemptions, again.offers.redemptions_known) == (0, 40)


async def test_campaigns_move_with_the_baskets_and_live_ones_are_shown_to_whom_they_were_mailed(
    world: World, mailed_folder: Path
) -> None:
    report = await import_journey(world.shop, data_dir=mailed_folder, shift_to=world.clock().date())
    await rebuilt(world)
    last = max(read_campaigns(mailed_folder).campaigns, key=lambda one: one.ends_at)

    (offer,) = await world.all("offers", {"_id": offer_id(last, last.coupons[0].upc)})

    assert (offer["endsAt"] - last.ends_at).days == report.shift_weeks * 7
    assert report.offers.redemptions == 40
    shown = 0
    for person in await world.all("customers"):
        listed = (await world.data(LISTED, {"id": person["_id"]}))["customer"]["offers"]
        scores = [one["score"] for one in listed]
        assert scores == sorted(scores, reverse=True)
        for one in listed:
            assert set(one["offer"]["conditions"]["tags"]) <= set(person["tags"])
            assert (one["personalized"], one["eligibility"]) == (True, {"eligible": True})
            assert one["why"]
        shown += len(listed)
    assert shown > 0


async def test_an_imported_coupon_can_be_saved_again_like_any_other_offer(world: World, mailed_folder: Path) -> None:
    await import_journey(world.shop, data_dir=mailed_folder)
    (offer, *_) = await world.all("offers", {"conditions.skus.0": {"$exists": True}})
    call = world.call()

    outcome = await save_offer(call, offer["_id"], parse(OfferInput, {"title": "Renamed"}, call.rules))

    assert outcome["userErrors"] == []
