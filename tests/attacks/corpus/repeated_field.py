"""One field asked for a thousand times."""

from tests.attacks.attack import Attack

ATTACK = Attack(query="{ me { " + "id " * 1000 + "} }")
