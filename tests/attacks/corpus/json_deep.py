"""JSON that is 100,000 brackets."""

from tests.attacks.attack import Attack

ATTACK = Attack(body=b"[" * 100_000, codes=frozenset({"BAD_REQUEST"}))
