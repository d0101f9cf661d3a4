"""Directives at every field, few at each."""

from tests.attacks.attack import Attack

ATTACK = Attack(query="{ me { " + "id @skip(if: false) @include(if: true) " * 60 + "} }")
