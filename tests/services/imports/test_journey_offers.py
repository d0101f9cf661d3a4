"""The campaigns of real households: coupons as offers, who was mailed, and what was redeemed."""

from datetime import UTC, datetime

from services.checking import check
from services.imports.complete_journey import JourneyReport, import_journey
from services.imports.journey_campaigns import read_campaigns
from services.imports.journey_offers import offer_id, tag
from services.offer_inputs import OfferInput
from services.offers import save_offer
from services.validation import parse
from tests.support import World


async def imported(world: World, **fields: object) -> JourneyReport:
    return await import_journey(world.shop, households=60, **fields)  # type: ignore[arg-type]


async def test_campaigns_go_in_with_their_products_audience_and_span_and_a_second_import_adds_nothing(
    world: World,
) -> None:
    report = await imported(world)
    offers = {offer["_id"]: offer for offer in await world.all("offers")}
    people = {person["externalIds"][0]["value"]: person for person in await world.all("customers")}
    rows = await world.all("offer_redemptions")

    read = read_campaigns()
    first = read.campaigns[0]
    coupon = first.coupons[0]
    offer = offers[offer_id(first, coupon.upc)]
    assert set(offer["conditions"]["skus"]) <= {str(sku) for sku in coupon.skus}
    assert offer["conditions"]["tags"] == [tag(first)]
    assert (offer["startsAt"], offer["endsAt"]) == (first.starts_at, first.ends_at)
    assert offer["startsAt"] == datetime(2017, 3, 3, 5, tzinfo=UTC)
    assert len(offers) == report.offers.offers == sum(len(one.coupons) for one in read.campaigns)
    for campaign in read.campaigns:
        mailed = {household for household, person in people.items() if tag(campaign) in person["tags"]}
        assert mailed == set(campaign.households) & people.keys()
    of_them = [
        (campaign, one) for campaign in read.campaigns for one in campaign.redemptions if one.household in people
    ]
    assert len(of_them) > 20
    assert (report.offers.redemptions, report.offers.redemptions_left_out) == (len(of_them), 0)
    assert sorted(row["offerId"] for row in rows) == sorted(offer_id(campaign, one.upc) for campaign, one in of_them)
    assert (await check(world.call())).differences == []

    before = await world.everything()
    again = await imported(world)
    assert await world.everything() == before
    assert (again.offers.offers, again.offers.offers_known) == (0, len(offers))
    assert (again.offers.redemptions, again.offers.redemptions_known) == (0, len(of_them))


async def test_campaigns_are_shifted_with_the_baskets_and_live_ones_are_shown_to_whom_they_were_mailed(
    world: World,
) -> None:
    report = await imported(world, shift_to=world.clock().date())
    last = max(read_campaigns().campaigns, key=lambda one: one.ends_at)

    (offer, *_) = await world.all("offers", {"_id": offer_id(last, last.coupons[0].upc)})

    assert (offer["endsAt"] - last.ends_at).days == report.shift_weeks * 7
    people = await world.all("customers")
    document = """query($id: ID!) { customer(by: {id: $id}) { offers(first: 50) {
      offer { conditions { tags } } score why personalized eligibility { eligible } } } }"""
    shown = 0
    for person in people[:20]:
        listed = (await world.data(document, {"id": person["_id"]}))["customer"]["offers"]
        scores = [one["score"] for one in listed]
        assert scores == sorted(scores, reverse=True)
        for one in listed:
            assert set(one["offer"]["conditions"]["tags"]) <= set(person["tags"])
            assert (one["personalized"], one["eligibility"]) == (True, {"eligible": True})
            assert one["why"]
        shown += len(listed)
    assert shown > 0


async def test_an_imported_coupon_can_be_saved_again_like_any_other_offer(world: World) -> None:
    await import_journey(world.shop, households=1)
    first = read_campaigns().campaigns[0]
    call = world.call()

    outcome = await save_offer(
        call, offer_id(first, first.coupons[0].upc), parse(OfferInput, {"title": "x"}, call.rules)
    )

    assert outcome["userErrors"] == []
