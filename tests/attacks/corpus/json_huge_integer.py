"""JSON with an integer of 5,000 digits."""

from tests.attacks.attack import Attack

ATTACK = Attack(
    body=b'{"query": "query($n: Int) { stores(first: $n) { totalCount } }", "variables": {"n": ' + b"9" * 5000 + b"}}",
    codes=frozenset({"BAD_REQUEST", "GRAPHQL_VALIDATION_FAILED"}),
)
