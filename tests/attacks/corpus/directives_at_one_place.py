"""@include a thousand times at one field."""

from tests.attacks.attack import Attack

ATTACK = Attack(query="{ __typename " + "@include(if: true) " * 1000 + "}")
