"""The schema as clients see it: committed, described, and of one manner."""

from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    parse,
    print_type,
)

from schema.build import build_schema, executable

SCHEMA = executable(build_schema())
FILE = Path(__file__).parents[2] / "schema" / "schema.graphql"
OURS = {name: type_ for name, type_ in SCHEMA.type_map.items() if not name.startswith("__")}
OBJECTS = {name: type_ for name, type_ in OURS.items() if isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType))}
INPUTS = {name: type_ for name, type_ in OURS.items() if isinstance(type_, GraphQLInputObjectType)}


def test_the_committed_file_is_the_schema() -> None:
    text = FILE.read_text(encoding="utf-8")

    assert text == build_schema().as_str() + "\n", "the schema has changed: write schema/schema.graphql anew"
    assert {node.kind for node in parse(text).definitions} >= {"object_type_definition", "input_object_type_definition"}


def test_everything_has_a_description() -> None:
    bare = [name for name, type_ in OURS.items() if not type_.description]
    for name, type_ in OBJECTS.items():
        bare += [f"{name}.{field}" for field, definition in type_.fields.items() if not definition.description]
        bare += [
            f"{name}.{field}({argument}:)"
            for field, definition in type_.fields.items()
            for argument, value in definition.args.items()
            if not value.description
        ]
    for name, input_ in INPUTS.items():
        bare += [f"{name}.{field}" for field, definition in input_.fields.items() if not definition.description]
    for directive in SCHEMA.directives:
        bare += [] if directive.description else [f"@{directive.name}"]
        bare += [f"@{directive.name}({name}:)" for name, value in directive.args.items() if not value.description]

    assert bare == []


def test_every_connection_is_relays() -> None:
    connections = [name for name in OBJECTS if name.endswith("Connection")]

    assert len(connections) == 7
    for name in connections:
        node = name.removesuffix("Connection")
        fields = {field: str(definition.type) for field, definition in OBJECTS[name].fields.items()}
        assert fields == {
            "edges": f"[{node}Edge!]!",
            "nodes": f"[{node}!]!",
            "pageInfo": "PageInfo!",
            "totalCount": "Int!",
        }
        edge = {field: str(definition.type) for field, definition in OBJECTS[f"{node}Edge"].fields.items()}
        assert edge == {"cursor": "String!", "node": f"{node}!"}


def test_every_list_takes_the_four_arguments_of_a_page() -> None:
    for name, type_ in OBJECTS.items():
        for field, definition in type_.fields.items():
            if get_named_type(definition.type).name.endswith("Connection"):
                kinds = {argument: str(value.type) for argument, value in definition.args.items()}
                page = {"first": "Int", "after": "String", "last": "Int", "before": "String"}
                assert kinds.items() >= page.items(), f"{name}.{field}"


def test_every_mutation_answers_replayed_and_user_errors_and_a_nullable_object() -> None:
    mutations = SCHEMA.mutation_type
    assert mutations is not None
    for name, definition in mutations.fields.items():
        assert isinstance(definition.type, GraphQLNonNull), name
        payload = get_named_type(definition.type)
        assert isinstance(payload, GraphQLObjectType)
        kinds = {field: str(value.type) for field, value in payload.fields.items()}
        assert kinds.pop("replayed") == "Boolean!"
        assert kinds.pop("userErrors") == "[UserError!]!"
        lists = ("results", "warnings", "codes")
        assert all(not kind.endswith("!") for field, kind in kinds.items() if field not in lists), name


def test_money_goes_in_as_a_decimal_and_nothing_but_a_score_is_a_float() -> None:
    floats = {
        f"{name}.{field}"
        for name, type_ in {**OBJECTS, **INPUTS}.items()
        for field, definition in type_.fields.items()
        if get_named_type(definition.type).name == "Float"
    }

    assert floats <= {"Recommendation.score", "PersonalOffer.score"}


def test_what_may_be_left_out_has_no_default_of_null() -> None:
    for type_ in {**OBJECTS, **INPUTS}.values():
        assert "= null" not in print_type(type_)


def test_a_field_called_id_is_an_id() -> None:
    for name, type_ in OBJECTS.items():
        if "id" in type_.fields:
            assert str(type_.fields["id"].type) == "ID!", name


def test_idempotent_stands_on_fields_and_keys_are_one_of() -> None:
    (directive,) = [directive for directive in SCHEMA.directives if directive.name == "idempotent"]

    assert [location.name for location in directive.locations] == ["FIELD"]
    assert str(directive.args["key"].type) == "String!"
    text = FILE.read_text(encoding="utf-8")
    assert "input CustomerKey @oneOf" in text
    assert "input PurchaseKey @oneOf" in text


def test_enums_say_what_they_are_in_capitals() -> None:
    enums = [type_ for type_ in OURS.values() if isinstance(type_, GraphQLEnumType)]

    assert len(enums) >= 15
    for enum in enums:
        assert all(value == value.upper() for value in enum.values), enum.name
