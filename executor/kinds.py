"""How a field gets its value, said once beside its resolver, so that a whole level can be answered at once.

A kind stands in the extensions of a graphql-core field under `KIND`. A field without one is answered by its resolver,
parent by parent, which is always right and never fast.
"""

from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from graphql import GraphQLField, GraphQLResolveInfo

KIND = "kind"

Load = Callable[[Any, list[Any]], Awaitable[Sequence[Any]]]
"""A batch function: (context, keys) -> values in the order of the keys."""


Reads = Collection[str] | Callable[[Collection[str]], Collection[str]] | None
"""The keys of a document that a field looks at, by what is selected beneath it where that has a say.

None where nobody knows, and the whole document has to be there.
"""


class Loader(Protocol):
    """What a request keeps for one batch function: what it has found so far, and what is asked next."""

    found: dict[Hashable, Any]

    def request(self, keys: Sequence[Any]) -> Awaitable[Any] | None:
        """Ask for keys at the next tick; None where all of them are in `found` already."""


class Loaders(Protocol):
    """What the executor needs of a request's context; everything else is the resolvers' business."""

    asks_ahead: bool
    """Whether what an object will need may be asked for before the object is there (executor/ahead.py)."""

    shown: Mapping[str, tuple[str, ...]]
    """By type, the keys of its documents that the operation looks at; all of one left out (executor/projections.py)."""

    def loader(self, load: Any, /) -> Loader:
        """Return this request's loader of a batch function."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The source has it. `name` is the key in a source that is a document, None where only `get` knows."""

    get: Callable[[Any], Any]
    name: str | None = None
    reads: Reads = None


Outline = Callable[[Any], Mapping[str, Any]]
"""What an object will be known to have from its key alone, before it is read."""


@dataclass(frozen=True, slots=True)
class Related:
    """A batch function has it under `key(source)`; a source without a key has none."""

    load: Load
    key: Callable[[Any], Any | None]
    outline: Outline | None = None
    reads: Reads = None


@dataclass(frozen=True, slots=True)
class Keyed:
    """A batch function has it under a key that hangs on the field's arguments too, or on the request alone.

    `bind(info, arguments, selected)` is called once a run and returns the function from a source to its key; `selected`
    are the names of the fields that are selected beneath.
    """

    load: Load
    bind: Callable[[GraphQLResolveInfo[Any], dict[str, Any], Collection[str]], Callable[[Any], Any]]
    outline: Outline | None = None
    reads: Reads = None


@dataclass(frozen=True, slots=True)
class Computed:
    """`compute(source, context)` works it out, without asking anybody."""

    compute: Callable[[Any, Any], Any]
    reads: Reads = None


@dataclass(frozen=True, slots=True)
class Answered:
    """`answer(source, context)` works it out, or returns an awaitable where somebody has to be asked.

    `needs` is what it will ask for in any case.
    """

    answer: Callable[[Any, Any], Any]
    needs: Related | None = None
    reads: Reads = None


@dataclass(frozen=True, slots=True)
class Called:
    """`call(info, arguments)` answers it: the field's resolver, without what strawberry does around one."""

    call: Callable[[GraphQLResolveInfo[Any], dict[str, Any]], Any]
    reads: Reads = None


Kind = Stored | Computed | Answered | Related | Keyed | Called


def kind_of(field: GraphQLField) -> Kind | None:
    """Return the kind of a field, None where its resolver has to answer."""
    kind: Kind | None = field.extensions.get(KIND)
    return kind
