"""A search that would take a backtracking regular expression for ever."""

from tests.attacks.attack import Attack

ATTACK = Attack(
    query="query($f: CustomerFilter) { customers(filter: $f) { totalCount } }",
    variables={"f": {"search": "(a+)+$" + "a" * 90 + "!"}},
    codes=frozenset(),
    fresh=False,
)
