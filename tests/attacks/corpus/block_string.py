"""A block string as long as a document may be."""

from tests.attacks.attack import Attack

ATTACK = Attack(query='{ node(id: """' + "x\n" * 15_000 + '""") { id } }', codes=frozenset({"INVALID"}))
