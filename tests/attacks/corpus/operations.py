"""Two hundred operations in one document."""

from tests.attacks.attack import Attack

ATTACK = Attack(query=" ".join(f"query Q{n} {{ __typename }}" for n in range(200)))
