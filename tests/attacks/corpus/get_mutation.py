"""A mutation by GET, as a link or a picture would send it."""

from tests.attacks.attack import Attack

ATTACK = Attack(
    method="GET",
    parameters={"query": 'mutation { createCustomer(input: {email: "a@example.com"}) { replayed } }'},
    codes=frozenset({"METHOD_NOT_ALLOWED"}),
)
