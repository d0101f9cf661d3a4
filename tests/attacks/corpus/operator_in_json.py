"""An operator of MongoDB in a shop's own fields, which are stored as they are sent or not at all."""

from tests.attacks.attack import Attack

ATTACK = Attack(
    query="""mutation($a: JSON) { createCustomer(input: {email: "a@example.com", attributes: $a}) {
      replayed userErrors { code } } }""",
    variables={"a": {"$where": "sleep(10000)", "a.b": {"$ne": None}}},
    codes=frozenset(),
    fresh=False,
)
