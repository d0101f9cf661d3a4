"""200 selections that overlap."""

from tests.attacks.attack import Attack

ATTACK = Attack(query="{ me { " + "purchases { nodes { id total { amount } } } " * 200 + "} }")
