"""A hundred mutations in one request, to try a hundred codes."""

from tests.attacks.attack import Attack

ATTACK = Attack(
    query="mutation { " + " ".join(f'm{n}: releaseHold(holdId: "hld_{n}") {{ replayed }}' for n in range(100)) + " }"
)
