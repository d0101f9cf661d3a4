"""Makes any number of customers of the real shop's shapes: for load, growth and benches, never for statistics.

Each is drawn from a household of the Complete Journey: a share of its baskets that is the customer's own, each moved a
little in time, and some of its products exchanged for others of their type, always the same for the same customer.
That keeps the sizes of baskets, the hours and the concentration of spend, at about 100 lines a customer. The same seed
and number give the same customer, so more customers later only add to fewer before.
"""

import asyncio
import hashlib
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path

from crm.callers import SYSTEM
from services.context import Call, Shop
from services.imports.complete_journey import WrongCurrency, add_products, add_stores
from services.imports.journey_history import history, is_plain, profile
from services.imports.journey_products import JourneyProduct
from services.imports.journey_reader import CURRENCY, Journey, JourneyBasket, JourneyLine
from store import bulk, keys
from store.client import Document, Tx

SOURCE = "synth"
KEPT_ALPHA, KEPT_BETA = 1.2, 6.0
"""The share of a household's baskets that a customer has is drawn from Beta(1.2, 6): one in six on average."""

SHIFT_DAYS, SHIFT_MINUTES = 2, 30
EXCHANGED = 0.15
AT_ONCE, TOGETHER = 3, 20
FIRST_NAMES = (
    "Ada",
    "Ben",
    "Cleo",
    "Dan",
    "Eva",
    "Finn",
    "Gia",
    "Hugo",
    "Ida",
    "Jon",
    "Kim",
    "Leo",
    "Mia",
    "Noa",
    "Tom",
)
LAST_NAMES = (
    "Abel",
    "Berg",
    "Cruz",
    "Diaz",
    "Egger",
    "Fox",
    "Gruber",
    "Huber",
    "Ito",
    "Jones",
    "Klein",
    "Lang",
    "Moser",
)


class NotPlain(Exception):
    """The programme has rules that count over sales: a history cannot be worked out in memory."""


@dataclass(slots=True, kw_only=True)
class SynthReport:
    """What was written, and how many customers were there already."""

    customers: int = 0
    known: int = 0
    baskets: int = 0
    lines: int = 0


class Synth:
    """The customers of one seed, none of whom buys anything on the day `before` or later."""

    def __init__(self, journey: Journey, seed: int, before: date) -> None:
        self._journey = journey
        self._seed = seed
        self._before = datetime(before.year, before.month, before.day, tzinfo=UTC)
        self._of_kind: dict[str, list[JourneyProduct]] = defaultdict(list)
        for product in journey.products:
            if product.kind:
                self._of_kind[product.kind].append(product)

    def baskets_of(self, number: int) -> list[JourneyBasket]:
        """Return the baskets of a customer, oldest first."""
        chance = random.Random(f"{self._seed}:{number}")  # noqa: S311 -- repeatable is what is wanted
        household = chance.choice(self._journey.households)
        share = chance.betavariate(KEPT_ALPHA, KEPT_BETA)
        kept = [basket for basket in self._journey.baskets_of(household) if chance.random() < share]
        moved = [self._moved(basket, number, chance) for basket in kept]
        return sorted(moved, key=lambda basket: (basket.occurred_at, basket.basket_id))

    def person(self, call: Call, number: int) -> Document:
        """Return a customer's profile; addresses are of a domain that nobody can own."""
        named = profile(call, str(number), SOURCE)
        first = FIRST_NAMES[number % len(FIRST_NAMES)]
        last = LAST_NAMES[number // len(FIRST_NAMES) % len(LAST_NAMES)]
        return {**named, "firstName": first, "lastName": last, "email": f"{first}.{last}.{number}@example.com".lower()}

    def _moved(self, basket: JourneyBasket, number: int, chance: random.Random) -> JourneyBasket:
        shift = timedelta(
            days=chance.randint(-SHIFT_DAYS, SHIFT_DAYS), minutes=chance.randint(-SHIFT_MINUTES, SHIFT_MINUTES)
        )
        at = basket.occurred_at + shift
        return replace(
            basket,
            basket_id=f"{number}-{basket.basket_id}",
            occurred_at=at if at < self._before else at - timedelta(weeks=1),
            lines=[self._exchanged(line, number) for line in basket.lines],
        )

    def _exchanged(self, line: JourneyLine, number: int) -> JourneyLine:
        """Return the line with the customer's own taste: one product in seven is always another of its type."""
        digest = hashlib.blake2b(f"{self._seed}:{number}:{line.product.sku}".encode(), digest_size=12).digest()
        others = self._of_kind.get(line.product.kind or "", ())
        if not others or int.from_bytes(digest[:4], "big") >= EXCHANGED * 2**32:
            return line
        return line._replace(product=others[int.from_bytes(digest[4:], "big") % len(others)])


async def synthesize(
    shop: Shop,
    *,
    customers: int,
    shift_to: date,
    seed: int = 1,
    data_dir: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> SynthReport:
    """Make the customers numbered 1 to `customers` that are not there yet, with products, stores and every point.

    Args:
        shift_to: the latest purchases fall in the week before this date.

    Raises:
        WrongCurrency: the shop's currency is not USD.
        NotPlain: the loyalty programme has caps or other rules that count over sales.
        JourneyDataError: the data that customers are drawn from is not installed.
    """
    if shop.currency != CURRENCY:
        raise WrongCurrency(f"The customers are drawn from a shop in {CURRENCY}, this one is in {shop.currency}.")
    if not is_plain(await shop.known.programs()):
        raise NotPlain("Customers can be made under a programme without caps, waiting or sliding points only.")
    journey = Journey(data_dir, shift_to=shift_to)
    synth, report = Synth(journey, seed, shift_to), SynthReport()
    await add_products(shop, journey)
    waiting = _batches(range(1, customers + 1))
    done = 0

    async def work() -> None:
        nonlocal done
        for batch in waiting:
            await _add(shop, synth, batch, report)
            done += len(batch)
            progress(done, customers)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(work())
    return report


def _batches(numbers: Sequence[int]) -> Iterator[list[int]]:
    waiting = iter(numbers)
    while batch := list(islice(waiting, TOGETHER)):
        yield batch


async def _add(shop: Shop, synth: Synth, numbers: Sequence[int], report: SynthReport) -> None:
    """Write some customers' whole histories in one transaction."""
    names = {number: keys.external((SOURCE, str(number))) for number in numbers}
    known = await keys.find(shop.database, list(names.values()))
    missing = [number for number, name in names.items() if name not in known]
    report.known += len(numbers) - len(missing)
    if not missing:
        return
    call, programs = shop.call(SYSTEM), await shop.known.programs()
    documents: dict[str, list[Document]] = defaultdict(list)
    for number in missing:
        baskets = synth.baskets_of(number)
        await add_stores(shop, baskets)
        for name, some in history(call, programs, synth.person(call, number), baskets, source=SOURCE).items():
            documents[name] += some
        report.baskets += len(baskets)
        report.lines += sum(len(basket.lines) for basket in baskets)

    async def work(tx: Tx) -> None:
        await bulk.insert(call.database, documents, tx=tx)

    await shop.database.transaction(work, seconds=60)
    report.customers += len(missing)
