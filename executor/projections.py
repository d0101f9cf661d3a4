"""Which keys of its documents an operation looks at, by type: batch functions read no more than these.

Every field says beside its resolver what of a document it reads (executor/kinds.py). Where one of the fields selected
of a type does not, its documents are read whole. Where an interface or a union is selected, all documents are: what is
selected beneath it is planned when its objects first come up.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from graphql import get_named_type, is_abstract_type

from executor.kinds import Stored

if TYPE_CHECKING:
    from executor.plans import FieldPlan, ObjectPlan


def shown(plan: "ObjectPlan") -> Mapping[str, tuple[str, ...]]:
    """Return the keys that are looked at of each type that is selected, in order; a type left out is read whole."""
    plans = list(_plans(plan))
    if any(is_abstract_type(get_named_type(field.definition.type)) for one in plans for field in one.fields):
        return {}
    found: dict[str, set[str]] = {}
    whole: set[str] = set()
    for one in plans:
        for field in one.fields:
            keys = _read(field)
            if keys is None:
                whole.add(one.type.name)
            found.setdefault(one.type.name, set()).update(keys or ())
    return {name: tuple(sorted(keys)) for name, keys in found.items() if name not in whole}


def _plans(plan: "ObjectPlan") -> Iterator["ObjectPlan"]:
    yield plan
    for field in plan.fields:
        for child in field.children.values():
            yield from _plans(child)


def _read(field: "FieldPlan") -> Collection[str] | None:
    kind = field.kind
    if isinstance(kind, Stored) and kind.name:
        return (kind.name,)
    reads = kind.reads if kind else None
    return reads(field.selected) if callable(reads) else reads
