"""Two customers of the real shop's shapes who differ in nothing but the length of their history."""

from dataclasses import replace

from api.settings import Settings
from crm.callers import SYSTEM
from services.context import Shop
from services.imports.journey_history import history
from services.imports.journey_reader import Journey, JourneyBasket
from services.imports.synth import Synth

SOURCE, SEED = "bench-history", 2
FEW, MANY = 10, 10_000


async def add_histories(shop: Shop, _: Settings) -> tuple[str, str]:
    """Add a customer with ten purchases and one with 10,000, the newest ten of which are the same; return their ids."""
    day = shop.clock().date()
    synth = Synth(Journey(shift_to=day), SEED, day)
    baskets = _baskets(synth, MANY)
    return await _add(shop, synth, baskets[-FEW:], 1), await _add(shop, synth, baskets, 2)


def _baskets(synth: Synth, count: int) -> list[JourneyBasket]:
    """Return baskets of many customers, oldest first."""
    found: list[JourneyBasket] = []
    number = 0
    while len(found) < count:
        number += 1
        found += synth.baskets_of(number)
    return sorted(found, key=lambda basket: (basket.occurred_at, basket.basket_id))[-count:]


async def _add(shop: Shop, synth: Synth, baskets: list[JourneyBasket], number: int) -> str:
    call, programs = shop.call(SYSTEM), await shop.known.programs()
    person = synth.person(call, number)
    person = {
        **person,
        "externalIds": [{"source": SOURCE, "value": str(number)}],
        "email": f"{SOURCE}-{number}@example.com",
    }
    own = [replace(basket, basket_id=f"{number}-{basket.basket_id}") for basket in baskets]
    documents = history(call, programs, person, own, source=SOURCE)
    for collection, batch in documents.items():
        await shop.database[collection].insert_many(batch)
    return str(documents["customers"][0]["_id"])
