"""A schema made for comparing executors: every type the language has, resolvers that answer by rule.

What a field of an object gives is a pure function of (seed, object, field): a value, null, an error, or a value that
is none of its type. The reference schema answers with plain resolvers, one after the other; the schema under test
answers the same fields by kinds and coroutines drawn by the same seed.
"""

import asyncio
import zlib
from collections.abc import Callable
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    build_schema,
    is_abstract_type,
    is_enum_type,
    is_leaf_type,
)

from executor.kinds import KIND, Answered, Computed, Keyed, Kind, Related, Stored
from resolvers.loader import Loader

SDL = """
directive @idempotent(key: String!) on FIELD
interface Named { id: ID! name: String friend: Person named: Named }
interface Placed { city: String name: String }
union Thing = Person | Shop | Empty
enum Colour { RED GREEN BLUE }
scalar Stamp
input Deep { text: String = "in", n: Int! = 3, inner: Deep, list: [Int!], colour: Colour = RED }
type Empty { nothing: String }
type Person implements Named {
  id: ID! name: String age: Int score: Float active: Boolean colour: Colour stamp: Stamp
  must: String! mustInt: Int! mustColour: Colour!
  friend: Person strict: Person! friends: [Person] sure: [Person!] surest: [Person!]! loose: [Person]!
  grid: [[Int!]] strictGrid: [[Int!]!]! people: [[Person!]] things: [Thing] thing: Thing sureThings: [Thing!]
  named: Named strictNamed: Named! placed: Placed shop: Shop
  echo(text: String, n: Int = 7, colour: Colour, deep: Deep, ids: [ID!]): String
  strictEcho(n: Int!, deep: Deep = {n: 1}): String!
  page(first: Int = 2, after: String): [Person!]!
}
type Shop implements Named & Placed {
  id: ID! name: String city: String friend: Person named: Named owner: Person! staff: [Named!]! open: Boolean!
  page(first: Int! = 1, colours: [Colour!] = [RED, BLUE]): [Thing]
}
type Query {
  person(id: ID): Person strict: Person! people(n: Int = 3): [Person!] named: Named things: [Thing!]!
  shop: Shop! maybe: Shop text: String must: Int! node(id: ID!): Named
}
type Mutation { step(n: Int = 1): Person maybe: Shop strict: Person! count: Int! }
"""
OBJECTS = 60


class Rules:
    """What fields give; `troubles` of a hundred fields give no good value."""

    def __init__(self, seed: int, troubles: int) -> None:
        self.seed = seed
        self.troubles = troubles

    def number(self, *parts: object) -> int:
        return zlib.crc32(repr((self.seed, *parts)).encode())

    def value(self, source: "Source", type_: Any, *parts: object) -> Any:
        """Return what a field of this type gives, or raise."""
        return self._value(type_, (source.number, *parts))

    def _value(self, type_: Any, place: tuple[object, ...]) -> Any:
        draw = self.number("draw", *place)
        if draw % 100 < self.troubles:
            return self._trouble(draw // 100 % 5, place)
        if isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type
        elif draw // 1000 % 10 == 0:
            return None
        if isinstance(type_, GraphQLList):
            return [self._item(type_.of_type, (*place, index)) for index in range(draw // 10_000 % 4)]
        if is_leaf_type(type_):
            return self._leaf(type_, draw // 10_000, place)
        return Source(self, self._object_number(type_, draw // 10_000))

    def _item(self, type_: Any, place: tuple[object, ...]) -> Any:
        try:
            return self._value(type_, place)
        except Exception as problem:  # noqa: BLE001 -- an exception in a list is an error of its place
            return problem

    def _trouble(self, draw: int, place: tuple[object, ...]) -> Any:
        if draw == 0:
            return None
        if draw == 1:
            raise ValueError(f"broken at {place}")
        if draw == 2:
            raise GraphQLError(f"refused at {place}", extensions={"code": "NO"})
        if draw == 3:
            return KeyError(f"returned at {place}")
        return object_of_no_type

    def _leaf(self, type_: Any, draw: int, place: tuple[object, ...]) -> Any:
        if is_enum_type(type_):
            return list(type_.values)[draw % 3]
        values: dict[str, Any] = {
            "Int": draw % 1000,
            "Float": draw % 1000 / 8,
            "Boolean": bool(draw % 2),
            "Stamp": draw % 90,
        }
        return values.get(type_.name, f"{place}")

    def _object_number(self, type_: Any, draw: int) -> int:
        """Return a number whose object is of the type: its remainder by 3 says which it is."""
        if is_abstract_type(type_):
            return draw % OBJECTS  # of a wrong type now and then, which is an error as well
        return draw % (OBJECTS // 3) * 3 + TYPES.index(type_.name)


TYPES = ["Person", "Shop", "Empty"]


class NoType:
    def __repr__(self) -> str:
        return "<no type>"

    def __str__(self) -> str:
        raise TypeError("no text")


object_of_no_type = NoType()


class Source:
    """An object; `get` is how a stored field is had."""

    def __init__(self, rules: Rules, number: int) -> None:
        self.rules = rules
        self.number = number

    @property
    def type_name(self) -> str:
        return TYPES[self.number % 3]

    def get(self, name: str) -> Any:
        type_ = EXAMPLE.type_map[self.type_name]
        assert isinstance(type_, GraphQLObjectType)
        return self.rules.value(self, type_.fields[name].type, name)

    def __repr__(self) -> str:
        return f"<{self.number}>"


class Requests:
    """The context: loaders that live as long as a request."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.asks_ahead = False
        self.loads: list[tuple[str, int]] = []
        self._loaders: dict[Any, Loader] = {}

    def loader(self, load: Any) -> Loader:
        if load not in self._loaders:
            self._loaders[load] = Loader(lambda keys: load(self, keys))
        return self._loaders[load]


def _stamp(value: Any) -> str:
    if not isinstance(value, int):
        raise GraphQLError(f"no stamp: {value!r}")
    return f"t{value}"


def bare() -> GraphQLSchema:
    """Return the schema with its types told apart and nothing resolved."""
    schema = build_schema(SDL)
    stamp = schema.type_map["Stamp"]
    assert isinstance(stamp, GraphQLScalarType)
    stamp.coerce_output_value = _stamp  # type: ignore[method-assign]
    for name in TYPES:
        type_ = schema.type_map[name]
        assert isinstance(type_, GraphQLObjectType)
        if name != "Empty":  # a union's type without is_type_of beside others that have it
            type_.is_type_of = _is(name)
    for name in ("Named", "Placed", "Thing"):
        schema.type_map[name].resolve_type = _resolve_type  # type: ignore[attr-defined]
    return schema


def _is(name: str) -> Callable[..., bool]:
    return lambda source, _: isinstance(source, Source) and source.type_name == name


def _resolve_type(source: Any, _: Any, __: Any) -> str | None:
    return source.type_name if isinstance(source, Source) else None


EXAMPLE = bare()


def reference() -> GraphQLSchema:
    """Return the schema with plain resolvers, which answer at once."""
    schema = bare()
    for type_, name, field in _fields(schema):
        field.resolve = _plain(type_, name, field)
    return schema


def _fields(schema: GraphQLSchema) -> list[tuple[str, str, Any]]:
    return [
        (type_.name, name, field)
        for type_ in schema.type_map.values()
        if isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType)) and not type_.name.startswith("__")
        for name, field in type_.fields.items()
    ]


def _plain(type_: str, name: str, field: Any) -> Callable[..., Any]:
    def resolve(source: Any, info: Any, **arguments: Any) -> Any:
        return answer(source, info.context, type_, name, field, arguments)

    return resolve


def answer(source: Any, context: Requests, type_: str, name: str, field: Any, arguments: dict[str, Any]) -> Any:
    """Return what a field gives for a source and arguments."""
    asked = tuple(sorted((key, repr(value)) for key, value in arguments.items()))
    owner = source if isinstance(source, Source) else Source(context.rules, -1 - zlib.crc32(type_.encode()) % 7)
    return context.rules.value(owner, field.type, name, *([asked] if asked else []))


def compiled(seed: int) -> GraphQLSchema:
    """Return the schema with its fields answered by kinds that the seed draws."""
    schema = bare()
    draws = Rules(seed, 0)
    for type_, name, field in _fields(schema):
        field.resolve = _plain(type_, name, field)
        _set_kind(type_, name, field, draws.number("kind", type_, name) % 9)
    return schema


def _set_kind(type_: str, name: str, field: Any, draw: int) -> None:
    """Let a field be answered by a kind, or by a coroutine, or now and then by one; the others by a plain resolver."""
    if draw == 0:
        field.resolve = _coroutine(type_, name, field)
    elif draw == 1:
        field.resolve = _sometimes(type_, name, field)
    elif draw < 8 and (field.args or type_ in ("Query", "Mutation")):
        field.extensions[KIND] = Keyed(_load(type_, name, field), _bind)
    elif draw < 8:
        field.extensions[KIND] = _kinds(type_, name, field)[draw - 2]


def _kinds(type_: str, name: str, field: Any) -> list[Kind]:
    def compute(source: Any, context: Requests) -> Any:
        return answer(source, context, type_, name, field, {})

    async def later(source: Any, context: Requests) -> Any:
        return compute(source, context)

    def sometimes(source: Any, context: Requests) -> Any:
        return (later if source.number % 3 else compute)(source, context)

    return [
        Computed(compute),
        Answered(sometimes),
        Related(_load(type_, name, field), lambda source: (source, ())),
        Stored(lambda source: source.get(name)),
        Stored(lambda source: source.get(name), name),
        Stored(lambda source: source.get(name), name),
    ]


def _load(type_: str, name: str, field: Any) -> Any:
    async def load(context: Requests, keys: list[Any]) -> list[Any]:
        context.loads.append((f"{type_}.{name}", len(keys)))
        await asyncio.sleep(0)
        return [_or_problem(source, context, type_, name, field, dict(arguments)) for source, arguments in keys]

    return load


def _bind(_: Any, arguments: dict[str, Any], __: Any) -> Callable[[Any], Any]:
    frozen = tuple((key, Frozen(value)) for key, value in arguments.items())
    return lambda source: (source, frozen)


def _or_problem(*of: Any) -> Any:
    try:
        return answer(*of)
    except Exception as problem:  # noqa: BLE001 -- a batch function's way to say so for one key
        return problem


def _coroutine(type_: str, name: str, field: Any) -> Callable[..., Any]:
    async def resolve(source: Any, info: Any, **arguments: Any) -> Any:
        for _ in range(zlib.crc32(name.encode()) % 3):
            await asyncio.sleep(0)
        return answer(source, info.context, type_, name, field, arguments)

    return resolve


def _sometimes(type_: str, name: str, field: Any) -> Callable[..., Any]:
    later, at_once = _coroutine(type_, name, field), _plain(type_, name, field)

    def resolve(source: Any, info: Any, **arguments: Any) -> Any:
        number = source.number if isinstance(source, Source) else 0
        return (later if number % 2 else at_once)(source, info, **arguments)

    return resolve


class Frozen:
    """An argument as a part of a key."""

    def __init__(self, value: Any) -> None:
        self.text = repr(value)

    def __repr__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Frozen) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)
