"""Selections that overlap inside selections that overlap."""

from tests.attacks.attack import Attack

INNER = "nodes { " + "total { amount amount amount } " * 5 + "} "
ATTACK = Attack(query="{ me { " + f"purchases {{ {INNER * 5} }} " * 5 + "} }")
