"""A document with two million spaces, which are no tokens."""

from tests.attacks.attack import Attack

ATTACK = Attack(query="{ __typename }" + " " * 2_000_000)
