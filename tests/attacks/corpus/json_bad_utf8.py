"""JSON that is not UTF-8."""

from tests.attacks.attack import Attack

ATTACK = Attack(body=b'{"query": "\xff\xfe"}', codes=frozenset({"BAD_REQUEST"}))
