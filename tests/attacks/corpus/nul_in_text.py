"""A NUL in a text that is looked up."""

from tests.attacks.attack import Attack

ATTACK = Attack(
    query="query($s: String) { products(search: $s) { totalCount } }",
    variables={"s": "a\x00"},
    codes=frozenset({"INVALID"}),
    fresh=False,
)
