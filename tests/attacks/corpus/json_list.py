"""JSON that is a list, as of a batch."""

from tests.attacks.attack import Attack

ATTACK = Attack(body=b"[]", codes=frozenset({"BAD_REQUEST"}))
