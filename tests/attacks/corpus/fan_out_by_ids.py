"""100,000 ids as variables."""

from tests.attacks.attack import Attack

ATTACK = Attack(
    query="query($ids: [ID!]!) { nodes(ids: $ids) { id } }",
    variables={"ids": ["a"] * 100_000},
    codes=frozenset({"GRAPHQL_VALIDATION_FAILED"}),
)
