"""JSON that is a text."""

from tests.attacks.attack import Attack

ATTACK = Attack(body=b'"x"', codes=frozenset({"BAD_REQUEST"}))
