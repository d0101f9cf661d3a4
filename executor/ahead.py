"""Asks ahead: what an object will need is asked for together with the object, where keys hang on its key alone.

A person's account, purchases and ledger are all found by the person's id. Whoever asks for the person by id can ask
for all of them at the same tick, and the reader sends them as one command (store/fetching.py). What was asked for in
vain, because there is no such person or not for this caller, is never looked at: fields are answered for objects that
are there, and only for these.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from executor.kinds import Answered, Keyed, Kind, Load, Related
from executor.levels import Level, Run, path_of

if TYPE_CHECKING:
    from executor.plans import FieldPlan, ObjectPlan


def ask_ahead(run: Run, plan: "ObjectPlan", outline: Mapping[str, Any]) -> None:
    """Ask for what the fields of an object will need, as far as its outline tells the keys."""
    for field in plan.fields:
        asked = _keyed(run, field, field.kind)
        if asked is None:
            continue
        load, key_of = asked
        try:
            key = key_of(outline)
        except Exception:  # noqa: BLE001, S112 -- it hangs on more than the outline, or is wrong: told when it is its turn
            continue
        if key is not None:
            run.context.loader(load).request([key])
            go_on(run, field, field.kind, key)


def go_on(run: Run, field: "FieldPlan", kind: Kind | None, key: Any) -> None:
    """Ask for what the object with a key will need, where its kind tells an outline."""
    if isinstance(kind, (Related, Keyed)) and kind.outline and field.child:
        ask_ahead(run, field.child, kind.outline(key))


def _keyed(run: Run, field: "FieldPlan", kind: Kind | None) -> tuple[Load, Callable[[Any], Any]] | None:
    """Return which batch function a field asks, and by which key; None where it asks none for certain."""
    if isinstance(kind, Answered):
        kind = kind.needs
    if isinstance(kind, Related):
        return kind.load, kind.key
    if isinstance(kind, Keyed):
        try:
            return kind.load, bound(run, field, kind)
        except Exception:  # noqa: BLE001 -- arguments that do not fit are told when it is the field's turn
            return None
    return None


def bound(run: Run, field: "FieldPlan", kind: Keyed) -> Callable[[Any], Any]:
    """Return the function from a source to its key, with this run's arguments."""
    known = run.bound.get(field)
    if known is None:
        info = run.info(field, path_of(Level({}), 0, field, ()))
        known = run.bound[field] = kind.bind(info, field.arguments(run), field.selected)
    return known
