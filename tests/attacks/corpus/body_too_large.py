"""A body of 8 MB."""

from tests.attacks.attack import Attack

ATTACK = Attack(body=b" " * 8_000_000, codes=frozenset({"BAD_REQUEST"}))
