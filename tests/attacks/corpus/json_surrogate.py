"""Half of a character."""

from tests.attacks.attack import Attack

ATTACK = Attack(
    body=b'{"query": "query($i: ID!) { node(id: $i) { id } }", "variables": {"i": "\\ud800"}}',
    codes=frozenset({"BAD_REQUEST"}),
)
