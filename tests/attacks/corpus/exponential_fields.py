"""Two aliases at each of thirteen levels: 8,192 times the same field."""

from tests.attacks.attack import Attack


def doubled(levels: int) -> str:
    inside = doubled(levels - 1) if levels else "name"
    return f"a: ofType {{ {inside} }} b: ofType {{ {inside} }}" if levels else inside


ATTACK = Attack(query='{ __type(name: "Query") { ' + doubled(9) + " } }")
