"""Nesting, 150 deep."""

from tests.attacks.attack import Attack

ATTACK = Attack(query="{ me " + "{ purchases { nodes { customer " * 50 + "{ id }" + " } } }" * 50 + " }")
