"""A literal of 900 lists in lists."""

from tests.attacks.attack import Attack

ATTACK = Attack(query="{ node(id: " + "[" * 900 + "]" * 900 + ") { id } }")
