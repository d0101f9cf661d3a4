"""A cursor that somebody made himself."""

from tests.attacks.attack import Attack

ATTACK = Attack(
    query='{ customers(after: "W3siJHdoZXJlIjogIjEifSwxLDFd") { totalCount } }', codes=frozenset({"INVALID"})
)
