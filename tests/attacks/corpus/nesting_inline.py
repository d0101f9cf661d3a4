"""Nesting of inline fragments, which are no fields."""

from tests.attacks.attack import Attack

ATTACK = Attack(query="{ " + "... { " * 400 + "__typename" + " }" * 401)
