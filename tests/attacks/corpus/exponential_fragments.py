"""Each of thirteen fragments asks for the next one under two aliases."""

from tests.attacks.attack import Attack

FRAGMENTS = [
    f"fragment F{n} on Customer {{ a: purchases {{ nodes {{ customer {{ ...F{n + 1} }} }} }}"
    f" b: purchases {{ nodes {{ customer {{ ...F{n + 1} }} }} }} }}"
    for n in range(13)
]
ATTACK = Attack(query="{ me { ...F0 } } " + " ".join(FRAGMENTS) + " fragment F13 on Customer { id }")
