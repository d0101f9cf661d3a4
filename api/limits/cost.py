"""What an operation costs, in points: before it runs from what it asks for, afterwards from what it was given.

An object is a point, a field that is one value nothing. A list multiplies everything inside it: by `first` or `last`,
by the number of keys or rows sent, else by what such lists usually hold. A connection is two points more, a count ten,
a mutation ten for every row. Every request is one point at least.

Worked out once for a document; what depends on variables is left as a small tree and worked out for each request.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    OperationDefinitionNode,
    Undefined,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
)

from api.limits import numbers
from api.limits.shape import Place
from resolvers.lists import FIRST_DEFAULT, FIRST_MAX

Variables = Mapping[str, Any]
LEAVES = (GraphQLScalarType, GraphQLEnumType)
FREE = frozenset({"PageInfo", "UserError"})
"""Types that come with what is asked for, and are asked nobody for."""
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Count:
    """How many a list asks for: a number, or what a variable says."""

    fixed: int = 1
    variable: str | None = None
    default: Any = None
    rows: bool = False

    def of(self, variables: Variables) -> int:
        """Return the number for these variables; what is no number counts as the most that is allowed."""
        if self.variable is None:
            return self.fixed
        value = variables.get(self.variable, self.default)
        if self.rows:
            return len(value) if isinstance(value, list) else 1
        return asked_for(value)


ONE = Count()


def asked_for(value: Any) -> int:
    """Return how many objects `first` or `last` asks for; too many are refused where the list is read."""
    if value is None:
        return FIRST_DEFAULT
    return max(0, min(value, FIRST_MAX)) if isinstance(value, int) else FIRST_MAX


@dataclass(slots=True)
class Term:
    """What one place costs: `own` for every row sent, and for each object there `each` and what is inside.

    `fixed` is all of it, where no variable has a say. `sure` is what it comes to wherever its parent is there: an
    object that cannot be null, with nothing inside that could be more or less. Of what is inside, `certain` is the sum
    of what is sure, and `open` the rest, which has to be looked at.
    """

    key: str
    own: int
    each: int
    rows: Count
    count: Count
    inside: tuple["Term", ...]
    fixed: int | None = None
    sure: int | None = None
    certain: int = field(init=False)
    open: tuple["Term", ...] = field(init=False)

    def __post_init__(self) -> None:
        self.certain = sum(term.sure for term in self.inside if term.sure is not None)
        self.open = tuple(term for term in self.inside if term.sure is None)

    def requested(self, variables: Variables) -> int:
        """Return what the place may come to."""
        if self.fixed is not None:
            return self.fixed
        objects = self.each + sum([term.requested(variables) for term in self.inside])
        return self.own * self.rows.of(variables) + self.count.of(variables) * objects

    def actual(self, value: Any, variables: Variables) -> int:
        """Return what the place came to, given what stands there in the answer."""
        own = self.own * self.rows.of(variables) if self.own else 0
        if isinstance(value, dict):
            return own + self.each + self._inside(value, variables)
        if isinstance(value, list):
            own += len(value) * self.each
            if self.open:
                own += sum([self._inside(one, variables) for one in value if one is not None])
            elif self.certain:
                own += self.certain * (len(value) - value.count(None))
        return own

    def _inside(self, value: Mapping[str, Any], variables: Variables) -> int:
        total = self.certain
        for term in self.open:
            found = value.get(term.key, _ABSENT)
            if found is not _ABSENT:
                total += term.actual(found, variables)
        return total


class Cost:
    """The cost of one operation."""

    __slots__ = ("_term",)

    def __init__(self, operation: OperationDefinitionNode, places: Mapping[str, Place]) -> None:
        defaults = {
            variable.variable.name.value: _literal(variable.default_value)
            for variable in operation.variable_definitions or ()
            if variable.default_value
        }
        inside = _Terms(defaults).inside(places, ONE)
        self._term = _folded(Term("", 0, numbers.REQUEST_POINTS, ONE, ONE, inside))

    def requested(self, variables: Variables | None) -> int:
        """Return the most that the operation is expected to cost."""
        return self._term.requested(variables or {})

    def actual(self, data: Any, variables: Variables | None) -> int:
        """Return what an answer has cost; `data` is the answer's, with null where nothing came of it."""
        return self._term.actual(data, variables or {}) if data is not None else numbers.REQUEST_POINTS


class _Terms:
    """Makes terms of places; `defaults` are those of the operation's variables."""

    def __init__(self, defaults: Mapping[str, Any]) -> None:
        self._defaults = defaults

    def inside(self, places: Mapping[str, Place], inherited: Count) -> tuple[Term, ...]:
        made = (self._term(key, place, inherited) for key, place in places.items())
        return tuple(term for term in made if term is not None)

    def _term(self, key: str, place: Place, inherited: Count) -> Term | None:
        """Return what a place costs, None for nothing. `inherited` is the length of the list that its parent wraps."""
        own = numbers.HEAVY.get(place.path, 0)
        if place.node.name.value == "totalCount":
            own = numbers.COUNT_POINTS
        type_ = get_named_type(place.definition.type) if place.definition else None
        if type_ is None or isinstance(type_, LEAVES) or type_.name in FREE:
            return _folded(Term(key, own, 0, ONE, ONE, ())) if own else None
        rows, count, passed = ONE, ONE, ONE
        if getattr(place.parent, "name", "") == "Mutation":
            own += numbers.MUTATION_POINTS
            rows = passed = self._rows(place) or ONE
        elif type_.name.endswith("Connection"):
            own += numbers.CONNECTION_POINTS
            passed = self._first(place)
        elif _is_list(place):
            count = self._length(place, inherited)
        each = 0 if type_.name.endswith(("Connection", "Edge")) else 1
        term = _folded(Term(key, own, each, rows, count, self.inside(place.inside, passed)))
        if place.certain and not term.open and not own and not _may_vary(place):
            term.sure = each + term.certain
        return term

    def _length(self, place: Place, inherited: Count) -> Count:
        """Return how long a list may be that is no connection."""
        assert place.definition is not None
        if "first" in place.definition.args:
            return self._first(place)
        if inherited is not ONE:
            return inherited
        return self._rows(place) or Count(numbers.LIST_LENGTH)

    def _first(self, place: Place) -> Count:
        assert place.definition is not None
        for argument in place.node.arguments or ():
            if argument.name.value in ("first", "last"):
                return self._count(argument.value)
        first = place.definition.args.get("first")
        if first is not None and first.default_value not in (None, Undefined):
            return Count(asked_for(first.default_value))
        return Count(FIRST_DEFAULT)

    def _rows(self, place: Place) -> Count | None:
        """Return how many rows or keys are sent to a field that takes a list of them, None where it takes none."""
        assert place.definition is not None
        for argument in place.node.arguments or ():
            taken = place.definition.args.get(argument.name.value)
            if taken and isinstance(get_nullable_type(taken.type), GraphQLList) and _counts(taken.type):
                return self._count(argument.value, rows=True)
        return None

    def _count(self, value: ValueNode, *, rows: bool = False) -> Count:
        if isinstance(value, VariableNode):
            name = value.name.value
            return Count(variable=name, default=self._defaults.get(name), rows=rows)
        if rows:
            return Count(len(value.values) if isinstance(value, ListValueNode) else 1)
        return Count(asked_for(_literal(value)))


def _counts(type_: Any) -> bool:
    """Whether elements of such a list are things of their own: ids and inputs are, labels are not."""
    named = get_named_type(type_)
    return isinstance(named, GraphQLInputObjectType) or named.name == "ID"


def _may_vary(place: Place) -> bool:
    """Whether there may be none or several of what stands at a place."""
    assert place.definition is not None
    type_ = place.definition.type
    return not isinstance(type_, GraphQLNonNull) or isinstance(type_.of_type, GraphQLList)


def _is_list(place: Place) -> bool:
    assert place.definition is not None
    type_ = place.definition.type
    return isinstance(type_.of_type if isinstance(type_, GraphQLNonNull) else type_, GraphQLList)


def _literal(value: ValueNode) -> Any:
    """Return what of a literal matters for sizes: a whole number, the length of a list, null; anything else is text."""
    if isinstance(value, IntValueNode):
        return int(value.value) if len(value.value) < 20 else ""  # noqa: PLR2004 -- longer ones are no Int
    if isinstance(value, ListValueNode):
        return [None] * len(value.values)
    return None if isinstance(value, NullValueNode) else ""


def _folded(term: Term) -> Term:
    """Work out what no variable has a say in."""
    sizes = (term.rows, term.count)
    if all(count.variable is None for count in sizes) and all(one.fixed is not None for one in term.inside):
        term.fixed = term.requested({})
    return term
