"""One field as often as there may be fields: validation compares every pair."""

from tests.attacks.attack import Attack

ATTACK = Attack(query="{ me { " + "id " * 990 + "} }")
