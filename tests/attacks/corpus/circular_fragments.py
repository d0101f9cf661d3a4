"""Fragments that spread each other in a circle."""

from tests.attacks.attack import Attack

ATTACK = Attack(query="{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }")
