"""An operator of MongoDB where a text belongs."""

from tests.attacks.attack import Attack

ATTACK = Attack(
    query="query($f: CustomerFilter) { customers(filter: $f) { totalCount } }",
    variables={"f": {"search": {"$where": "sleep(10000)"}}},
    fresh=False,
)
