"""The same bomb, whose last fragment does not exist: there is no field to count."""

from tests.attacks.attack import Attack

FRAGMENTS = [f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(20)]
ATTACK = Attack(query="{ ...F0 } " + " ".join(FRAGMENTS))
