"""Operations at random over a schema: fragments, aliases, directives, variables with and without defaults."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from graphql import (
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_enum_type,
    is_leaf_type,
    is_required_argument,
)

DEPTH_MAX = 5
FIELDS_MAX = 24


@dataclass
class Generated:
    """An operation and the values of its variables."""

    text: str
    variables: dict[str, Any]


@dataclass
class Generator:
    """Writes one operation over a schema. `leaves` says what is sent for a scalar that the language does not know."""

    schema: GraphQLSchema
    random: Random
    depth_max: int = DEPTH_MAX
    values: dict[str, list[Any]] = field(default_factory=dict)
    never: frozenset[str] = frozenset()
    definitions: dict[str, str] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    fragments: dict[str, str] = field(default_factory=dict)
    names: dict[str, tuple[str, str]] = field(default_factory=dict)
    fields_left: int = FIELDS_MAX

    def operation(self, *, mutation: bool = False) -> Generated:
        """Return an operation; most are valid, and the others have to be refused alike."""
        root = self.schema.mutation_type if mutation else self.schema.query_type
        selections = self._selections(root, 0)
        head = "mutation" if mutation else "query"
        declared = ", ".join(f"${name}: {type_}" for name, type_ in self.definitions.items())
        text = f"{head} Op{f'({declared})' if declared else ''} {selections}"
        return Generated("\n".join([text, *self.fragments.values()]), self.variables)

    def _selections(self, type_: Any, depth: int) -> str:
        parts = [self._selection(type_, depth) for _ in range(self.random.randint(1, 4))]
        return "{ " + " ".join([*parts, "__typename"] if self.random.random() < 0.2 else parts) + " }"

    def _selection(self, type_: Any, depth: int) -> str:
        draw = self.random.random()
        if self.fields_left <= 0:
            return "__typename"
        if depth < self.depth_max and draw < 0.12:
            return self._inline(type_, depth)
        if depth < self.depth_max and draw < 0.2:
            return self._spread(type_, depth)
        if isinstance(type_, GraphQLUnionType):
            return "__typename" if draw < 0.4 else self._inline(type_, depth)
        return self._field(type_, depth)

    def _field(self, type_: Any, depth: int) -> str:
        fields = [
            (name, one)
            for name, one in type_.fields.items()
            if f"{type_.name}.{name}" not in self.never
            and (depth < self.depth_max or is_leaf_type(get_named_type(one.type)))
        ]
        if not fields:
            return "__typename"
        self.fields_left -= 1
        name, one = self.random.choice(fields)
        arguments = self._arguments(one)
        alias = self._alias(type_, name, arguments, str(one.type))
        inner = get_named_type(one.type)
        inside = f" {self._selections(inner, depth + 1)}" if is_composite_type(inner) else ""
        return f"{alias}{name}{arguments}{self._directive()}{inside}"

    def _alias(self, type_: Any, name: str, arguments: str, result: str) -> str:
        """Return an alias where the plain key is another field's already: such fields must not be merged."""
        key = name if self.random.random() < 0.8 else self.random.choice(["a", "b", "c"])
        for candidate in (key, f"{key}{len(self.names)}"):
            known = self.names.setdefault(candidate, (f"{name}{arguments}", result))
            if known == (f"{name}{arguments}", result):
                return "" if candidate == name else f"{candidate}: "
        raise AssertionError

    def _inline(self, type_: Any, depth: int) -> str:
        on = self._related(type_)
        named = f" on {on.name}" if on is not type_ or self.random.random() < 0.7 or is_abstract_type(type_) else ""
        return f"...{named}{self._directive()} {self._selections(on, depth + 1)}"

    def _spread(self, type_: Any, depth: int) -> str:
        on = self._related(type_)
        again = [name for name in self.fragments if name.startswith(f"On{on.name}_")]
        if again and self.random.random() < 0.5:
            return f"...{self.random.choice(again)}{self._directive()}"
        name = f"On{on.name}_{len(self.fragments)}_{depth}"
        inside = self._selections(on, depth + 1)
        self.fragments[name] = f"fragment {name} on {on.name} {inside}"
        return f"...{name}{self._directive()}"

    def _related(self, type_: Any) -> Any:
        """Return a type whose objects this type's may be."""
        if is_abstract_type(type_):
            return self.random.choice([type_, *self.schema.get_possible_types(type_)])
        if isinstance(type_, GraphQLObjectType) and type_.interfaces and self.random.random() < 0.3:
            return self.random.choice(type_.interfaces)
        return type_

    def _directive(self) -> str:
        if self.random.random() > 0.15:
            return ""
        name = self.random.choice(["skip", "include"])
        draw = self.random.random()
        if draw < 0.3:
            return f" @{name}(if: {self.random.choice(['true', 'false'])})"
        if draw < 0.4:  # a default, and perhaps null for it
            variable = self._variable("Boolean = true", self.random.choice([True, False, ...] * 7 + [None]))
        else:
            variable = self._variable("Boolean!", self.random.random() < 0.5)
        return f" @{name}(if: ${variable})"

    def _arguments(self, one: Any) -> str:
        parts = []
        for name, argument in one.args.items():
            required = is_required_argument(argument)
            if self.random.random() < (0.98 if required else 0.4):
                parts.append(f"{name}: {self._argument(argument.type)}")
        return f"({', '.join(parts)})" if parts else ""

    def _argument(self, type_: Any) -> str:
        if self.random.random() < 0.4:
            wrong = self.random.random() < 0.08
            value = ... if self.random.random() < 0.1 else self._wrong() if wrong else self._value(type_)
            return f"${self._variable(str(type_), value)}"
        return self._written(self._value(type_), type_)

    def _variable(self, type_: str, value: Any) -> str:
        name = f"v{len(self.definitions)}"
        self.definitions[name] = type_
        if value is not ...:
            self.variables[name] = value
        return name

    def _value(self, type_: Any) -> Any:
        if isinstance(type_, GraphQLNonNull):
            return self._value(type_.of_type)
        if self.random.random() < 0.05:
            return None
        if isinstance(type_, GraphQLList):
            return [self._value(type_.of_type) for _ in range(self.random.randint(0, 2))]
        if isinstance(type_, GraphQLInputObjectType):
            given = [name for name in type_.fields if self.random.random() < 0.3]
            return {name: self._value(type_.fields[name].type) for name in given}
        if is_enum_type(type_):
            return self.random.choice([*type_.values])
        known: dict[str, list[Any]] = {"Int": [0, 2, -1, 100], "Boolean": [True, False], "Float": [0.5]}
        return self.random.choice(self.values.get(type_.name) or known.get(type_.name) or ["x", "", "ü"])

    def _wrong(self) -> Any:
        return self.random.choice([None, 7, 2**40, "x", {"no": 1}, [None], True])

    def _written(self, value: Any, type_: Any) -> str:
        if isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type
        if value is None or value is True or value is False:
            return {None: "null", True: "true", False: "false"}[value]
        if isinstance(value, list):
            return "[" + ", ".join(self._written(item, type_.of_type) for item in value) + "]"
        if isinstance(value, dict):
            inside = (f"{name}: {self._written(item, type_.fields[name].type)}" for name, item in value.items())
            return "{" + ", ".join(inside) + "}"
        if is_enum_type(type_):
            return str(value)
        return f'"{value}"' if isinstance(value, str) else str(value)
