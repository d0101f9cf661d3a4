"""JSON that is NaN, which is no JSON."""

from tests.attacks.attack import Attack

ATTACK = Attack(body=b'{"query": "{ __typename }", "variables": {"a": NaN}}', codes=frozenset({"BAD_REQUEST"}))
