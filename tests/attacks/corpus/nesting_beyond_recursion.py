"""Nesting deeper than Python calls itself."""

from tests.attacks.attack import Attack

ATTACK = Attack(query="{ a " * 450 + "}" * 450)
