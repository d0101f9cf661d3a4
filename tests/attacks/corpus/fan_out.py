"""A list in a list in a list: a million objects."""

from tests.attacks.attack import Attack

LISTS = ("customers(first: 100) { nodes { %s } }", "purchases(first: 100) { nodes { customer { %s } } }", "id")
ATTACK = Attack(query="{ " + LISTS[0] % (LISTS[1] % (LISTS[1] % LISTS[2])) + " }")
