"""Introspection that goes in circles."""

from tests.attacks.attack import Attack

ATTACK = Attack(query="{ __schema { types { " + "fields { type { " * 7 + "name" + " } }" * 7 + " } } }")
