"""As many variables as there may be tokens."""

from tests.attacks.attack import Attack

ATTACK = Attack(query="query(" + " ".join(f"$v{n}: Int" for n in range(390)) + ") { __typename }")
