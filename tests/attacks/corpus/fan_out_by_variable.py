"""The same, where only the variables say how many."""

from tests.attacks.attack import Attack

ATTACK = Attack(
    query="""query($n: Int) { customers(first: $n) { nodes { purchases(first: $n) { nodes { customer {
      feedback(last: $n) { nodes { id } } } } } } } }""",
    variables={"n": 100},
)
