"""JSON that is a number."""

from tests.attacks.attack import Attack

ATTACK = Attack(body=b"5", codes=frozenset({"BAD_REQUEST"}))
