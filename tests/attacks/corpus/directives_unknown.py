"""Ten directives that do not exist, which some servers all report."""

from tests.attacks.attack import Attack

ATTACK = Attack(query="{ __typename " + "@aa " * 10 + "}")
