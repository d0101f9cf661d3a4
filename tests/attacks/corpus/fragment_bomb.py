"""A bomb of 748 bytes: twenty fragments that spread the next one twice come to a million fields."""

from tests.attacks.attack import Attack

FRAGMENTS = [f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(20)]
ATTACK = Attack(query="{ ...F0 } " + " ".join(FRAGMENTS) + " fragment F20 on Query { __typename }")
