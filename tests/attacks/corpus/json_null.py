"""JSON that is null."""

from tests.attacks.attack import Attack

ATTACK = Attack(body=b"null", codes=frozenset({"BAD_REQUEST"}))
