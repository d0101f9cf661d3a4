"""As many aliases as there may be tokens."""

from tests.attacks.attack import Attack

ATTACK = Attack(query="{ " + " ".join(f"a{n}: __typename" for n in range(650)) + " }")
