"""Fragments that nobody spreads, and validation walks all the same."""

from tests.attacks.attack import Attack

ATTACK = Attack(query="{ __typename } " + " ".join(f"fragment F{n} on Customer {{ id id id }}" for n in range(49)))
