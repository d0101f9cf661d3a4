"""What must hold of a customer's counters: as many baskets for each thing as the purchases say."""

from collections import Counter
from collections.abc import Iterator, Sequence

from crm.taste.counters import Counted, category_of, counted, product_ids
from services.checks import Difference
from store.client import Document
from store.tastes import COUNTED_MAX


def taste_differences(owner: str, purchases: Sequence[Document], tastes: Sequence[Document]) -> Iterator[Difference]:
    """Compare how many baskets each thing was counted for with a recount; years that reached their bound are left out.

    The weights are left to the tests: floats that were added in another order differ in their last digits.
    """
    stored = {document["year"]: document for document in tastes}
    recounted = _recount(sale for sale in purchases if sale["customerId"] is not None)
    for year in sorted({*stored, *recounted}):
        document = stored.get(year, {"counted": 0, "products": {}, "categories": {}})
        if document["counted"] >= COUNTED_MAX:
            continue
        there: Counter[tuple[str, str]] = Counter()
        for name, counter in document["products"].items():
            there["products", name] = counter["n"]
        for name, counter in document["categories"].items():
            there["categories", category_of(name)] = counter["n"]
        expected = recounted.get(year, Counter())
        for key in sorted({*there, *expected}):
            if there[key] != expected[key]:
                yield Difference(owner, f"tastes.{year}.{key[0]}.{key[1]}.n", there[key], expected[key])


def _recount(purchases: Iterator[Document]) -> dict[int, Counter[tuple[str, str]]]:
    years: dict[int, Counter[tuple[str, str]]] = {}
    for sale in purchases:
        of = _counted(sale)
        year = years.setdefault(sale["occurredAt"].year, Counter())
        year.update([("products", product) for product in of.products])
        year.update([("categories", category) for category in of.categories])
    return years


def _counted(sale: Document) -> Counted:
    """Return what a purchase counts for; its lines are there where anything came back, else only what they name."""
    if "lines" in sale:
        return counted(sale["lines"])
    return Counted(product_ids(sale["skus"]), frozenset(name for name in sale["categories"] if name))
