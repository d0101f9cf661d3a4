"""One field under 5,000 aliases."""

from tests.attacks.attack import Attack

ATTACK = Attack(query="{ " + " ".join(f"a{n}: __typename" for n in range(5000)) + " }")
