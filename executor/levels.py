"""What an execution is made of while it runs: levels of objects, and the run that keeps its errors and what it awaits.

A level holds all objects of one type that one field led to, however many parents they hang on. Each knows its owner
(the number of the parent in the parent's level) and its spots (the list indexes between the two), which is all that
is needed to say where an error happened and what becomes null.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from graphql import GraphQLError, GraphQLResolveInfo, located_error
from graphql.pyutils import Path, is_awaitable
from graphql.type import GraphQLResolveInfoHelpers

if TYPE_CHECKING:
    from executor.plans import FieldPlan, Operation

Spots = tuple[int, ...]
Then = Callable[[list[Any]], None]


class Level:
    """Objects that are answered together; `results[n]` is the answer to `sources[n]`, filled field by field."""

    __slots__ = ("blank", "field", "owners", "parent", "results", "sources", "spots")

    def __init__(self, blank: dict[str, Any], field: "FieldPlan | None" = None, parent: "Level | None" = None) -> None:
        self.blank = blank
        self.field = field
        self.parent = parent
        self.sources: list[Any] = []
        self.results: list[dict[str, Any]] = []
        self.owners: list[int] = []
        self.spots: list[Spots] = []

    def add(self, source: Any, owner: int, spots: Spots) -> dict[str, Any]:
        """Take one more object in and return its answer, where every field is null for now."""
        result = self.blank.copy()
        self.sources.append(source)
        self.results.append(result)
        self.owners.append(owner)
        self.spots.append(spots)
        return result

    def path(self, number: int) -> Path | None:
        """Return the path of an object, None for the root."""
        if self.field is None or self.parent is None:
            return None
        return path_of(self.parent, self.owners[number], self.field, self.spots[number])

    def place(self, number: int) -> Spots:
        """Return where an object stands, in numbers: fields by their order, list items by their index."""
        if self.field is None or self.parent is None:
            return ()
        return (*self.parent.place(self.owners[number]), self.field.order, *self.spots[number])


def path_of(level: Level, owner: int, field: "FieldPlan", spots: Spots) -> Path:
    """Return the path of a field of an object, or of an item of that field's list."""
    path = Path(level.path(owner), field.key, field.parent_type.name)
    for index in spots:
        path = path.add_key(index, None)
    return path


class FieldError(Exception):
    """An error with its path; `place` is where it happened, in numbers."""

    def __init__(self, error: GraphQLError, place: Spots) -> None:
        super().__init__(error.message)
        self.error = error
        self.place = place


class Run:
    """One execution of an operation."""

    __slots__ = ("_errors", "bound", "context", "dead", "operation", "variables", "waiting")

    def __init__(self, operation: "Operation", context: Any, variables: Any) -> None:
        self.operation = operation
        self.context = context
        self.variables = variables
        self.dead = False
        """Whether a null has come up to the root: the answer has no data."""
        self.waiting: list[tuple[Sequence[Awaitable[Any]], Then]] = []
        self.bound: dict[FieldPlan, Callable[[Any], Any]] = {}
        self._errors: list[tuple[Spots, Spots, GraphQLError]] = []

    def later(self, awaitables: Sequence[Awaitable[Any]], then: Then) -> None:
        """Go on with `then(outcomes)` in the next wave; an outcome that is an exception was raised."""
        self.waiting.append((awaitables, then))

    async def drain(self) -> None:
        """Await wave after wave: all that was asked so far is awaited, then all goes on, which may ask anew."""
        while self.waiting:
            wave, self.waiting = self.waiting, []
            outcomes = await together([awaitable for awaitables, _ in wave for awaitable in awaitables])
            begin = 0
            for awaitables, then in wave:
                end = begin + len(awaitables)
                then(outcomes[begin:end])
                begin = end

    def info(self, field: "FieldPlan", path: Path) -> GraphQLResolveInfo[Any]:
        """Return what resolvers are told of a field."""
        operation = self.operation
        return GraphQLResolveInfo(
            field.name,
            field.nodes,
            field.definition.type,
            field.parent_type,
            path,
            operation.schema,
            operation.fragments,
            None,
            operation.node,
            self.variables,
            self.context,
            is_awaitable,
            None,
            HELPERS,
        )

    def fail(self, problem: Exception, level: Level, owner: int, field: "FieldPlan", spots: Spots = ()) -> None:
        """Keep the error of a field or of an item in its list, and let the field, or what it stands in, be null."""
        error = located(problem, level, owner, field, spots)
        nulled = (*level.place(owner), field.order) if field.nullable else self._null(level, owner)
        if field.nullable:
            level.results[owner][field.key] = None
        self._errors.append((error.place, nulled, error.error))

    def keep(self, error: FieldError, nulled: Spots) -> None:
        """Keep an error whose position has become null already."""
        self._errors.append((error.place, nulled, error.error))

    def _null(self, level: Level, number: int) -> Spots:
        """Let the nearest position above an object that may be null be null, and return that position."""
        while level.field is not None and level.parent is not None:
            owner, depth = level.owners[number], level.field.null_depth
            if depth is not None:
                spots = level.spots[number][:depth]
                _clear(level.parent.results[owner], (level.field.key, *spots))
                return (*level.parent.place(owner), level.field.order, *spots)
            level, number = level.parent, owner
        self.dead = True
        return ()

    def errors(self) -> list[GraphQLError]:
        """Return the errors in the order of the document, without those beneath what an earlier one made null.

        That is what running everything one after the other would tell: what is null is not looked into any further.
        """
        told: list[GraphQLError] = []
        nulls: list[Spots] = []
        for place, nulled, error in sorted(self._errors, key=lambda kept: kept[0]):
            if any(place[: len(null)] == null for null in nulls):
                continue
            nulls.append(nulled)
            told.append(error)
        return told


def located(problem: Exception, level: Level, owner: int, field: "FieldPlan", spots: Spots) -> FieldError:
    """Return an error with the place where it first was one."""
    if isinstance(problem, FieldError):
        return problem
    error = located_error(problem, field.nodes, path_of(level, owner, field, spots).as_list())
    return FieldError(error, (*level.place(owner), field.order, *spots))


def _clear(result: dict[str, Any], position: tuple[str | int, ...]) -> None:
    """Let a position be null; what it stands in may be null by now itself."""
    container: Any = result
    for step in position[:-1]:
        container = container[step]
        if container is None:
            return
    container[position[-1]] = None


async def together(awaitables: Sequence[Awaitable[Any]]) -> list[Any]:
    """Await all at once and return their outcomes, exceptions included; a single one needs no task."""
    if len(awaitables) == 1:
        return [await _outcome(awaitables[0])]
    futures = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        return [await _outcome(future) for future in futures]
    except BaseException:
        for future in futures:
            future.cancel()
        raise


async def _outcome(awaitable: Awaitable[Any]) -> Any:
    try:
        return await awaitable
    except Exception as problem:  # noqa: BLE001 -- whatever a resolver raises is its field's error
        return problem


async def _gather(values: Sequence[Awaitable[Any]]) -> list[Any]:
    return list(await asyncio.gather(*values))


def _track(values: Sequence[Any]) -> None:
    """Let what a resolver leaves behind finish."""
    for value in values:
        if is_awaitable(value):
            asyncio.ensure_future(value)  # noqa: RUF006 -- nobody waits for it, as its resolver wished


HELPERS = GraphQLResolveInfoHelpers(gather=_gather, track=_track)
