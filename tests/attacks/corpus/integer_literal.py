"""An integer of 5,000 digits, written into the document."""

from tests.attacks.attack import Attack

ATTACK = Attack(query="{ stores(first: " + "9" * 5000 + ") { totalCount } }")
