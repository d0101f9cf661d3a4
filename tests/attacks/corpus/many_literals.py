"""1,900 ids written into the document."""

from tests.attacks.attack import Attack

ATTACK = Attack(query="{ nodes(ids: [" + '"a" ' * 1900 + "]) { id } }")
