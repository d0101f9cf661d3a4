"""What a process remembers of offers: its own changes at once, and nobody's audience."""

from services.context import Shop
from tests.services.loyalty_helpers import then
from tests.services.offer_helpers import archive, offer_id, save_offer
from tests.support import World


def other_process(world: World) -> Shop:
    """Return the same shop as another process has it."""
    shop = world.shop
    return Shop(
        database=shop.database, currency=shop.currency, time_zone=shop.time_zone, pepper=shop.pepper, clock=world.clock
    )


async def test_a_process_knows_its_own_changes_at_once_and_others_after_five_seconds(world: World) -> None:
    other = other_process(world)
    first = await offer_id(world)
    assert {*(await other.known.offers()).by_id} == {first}
    second = await offer_id(world, code="TWO")
    await save_offer(world, first, title="Renamed")
    assert {*(await world.shop.known.offers()).by_id} == {first, second}
    assert {*(await other.known.offers()).by_id} == {first}
    world.clock.advance(seconds=6)
    known = await other.known.offers()
    assert {id_: offer.version for id_, offer in known.by_id.items()} == {first: 2, second: 1}
    await archive(world, first)
    world.clock.advance(seconds=6)
    assert {*(await other.known.offers()).by_id} == {second}


async def test_what_is_over_is_forgotten_and_what_is_to_come_is_known(world: World) -> None:
    await offer_id(world, endsAt=world.clock().isoformat())
    soon = await offer_id(world, startsAt=then(world, days=1))
    ends = await offer_id(world, endsAt=then(world, hours=1))
    known = world.shop.known
    assert {*(await known.offers()).by_id} == {soon, ends}
    world.clock.advance(hours=1)
    assert {*(await known.offers()).by_id} == {soon}


async def test_looking_for_changes_is_one_small_question_and_nobodys_audience_is_remembered(world: World) -> None:
    people = [await world.customer(email=f"{number}@example.com") for number in range(5)]
    id_ = await offer_id(world, conditions={"customers": [{"id": one} for one in people]})
    known = world.shop.known
    live = await known.offers()
    assert live.by_id[id_].conditions.customers == frozenset()
    assert live.addressed == {id_}
    world.clock.advance(seconds=6)
    world.commands.names.clear()
    await known.offers()
    await known.offers()
    assert world.commands.names == ["find offers"]
