"""900 fields that do not exist, for each of which a similar name is looked for."""

from tests.attacks.attack import Attack

ATTACK = Attack(query="{ me { " + " ".join(f"firstNam{n}" for n in range(900)) + " } }")
