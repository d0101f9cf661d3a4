"""The engine: documents judged once and forgotten again, operations named, errors of arguments told as theirs."""

import pytest

from api import engine as module
from api import prepared as prepared_module
from api.engine import CACHED_LENGTH_MAX, CACHED_TOTAL_MAX, DOCUMENTS_MAX, Engine, Executor
from resolvers.context import Context
from tests.support import STAFF, World


@pytest.fixture
def fresh(world: World) -> Engine:
    return Engine(world.engine._schema)


def test_a_document_is_judged_once_whether_it_is_good_or_bad(fresh: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    parse = module.parse
    monkeypatch.setattr(module, "parse", lambda text, **options: (parsed.append(text), parse(text, **options))[1])

    for _ in range(3):
        assert fresh.prepare("{ __typename }").errors == ()
        assert fresh.prepare("{ nothing }").errors

    assert parsed == ["{ __typename }", "{ nothing }"]


async def test_without_the_cache_a_document_is_judged_anew_each_time_and_answered_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgetful = Engine(world.engine._schema, keeps=False)
    parsed: list[str] = []
    parse = module.parse
    monkeypatch.setattr(module, "parse", lambda text, **options: (parsed.append(text), parse(text, **options))[1])

    documents = ("{ stores { city } }", "{ stores { nothing } }")
    for document in documents:
        answers = [(await forgetful.run(Context(world.call(STAFF)), document, None, None)).body for _ in range(2)]
        kept = (await world.engine.run(Context(world.call(STAFF)), document, None, None)).body
        assert answers == [kept, kept]
    assert [parsed.count(document) - 1 for document in documents] == [2, 2]  # the other engine parsed each once
    assert len(forgetful._prepared) == 0


def test_what_is_kept_is_bounded_in_number_and_in_length_and_the_oldest_goes_first(fresh: Engine) -> None:
    for number in range(DOCUMENTS_MAX + 5):
        fresh.prepare(f"{{ a{number}: __typename }}")
        fresh.prepare("{ a0: __typename }")  # asked for again and again, so it stays
    assert len(fresh._prepared) == DOCUMENTS_MAX
    assert "{ a0: __typename }" in fresh._prepared
    assert "{ a1: __typename }" not in fresh._prepared

    long = " " * (CACHED_LENGTH_MAX - 100)
    for number in range(20):
        fresh.prepare(f"{{ b{number}: __typename }}{long}")
    assert sum(map(len, fresh._prepared)) == fresh._kept <= CACHED_TOTAL_MAX
    assert len(fresh._prepared) == CACHED_TOTAL_MAX // (CACHED_LENGTH_MAX - 80)


def test_a_document_beyond_the_bound_is_refused_and_not_kept(fresh: Engine) -> None:
    assert fresh.prepare("{ __typename }" + " " * CACHED_LENGTH_MAX).errors

    assert len(fresh._prepared) == 0


async def test_one_of_several_operations_is_named(world: World) -> None:
    document = "query A { __typename } query B { stores { totalCount } }"

    async def run(name: str | None) -> dict[str, object]:
        return (await world.engine.run(Context(world.call(STAFF)), document, None, name)).body

    assert await run("A") == {"data": {"__typename": "Query"}}
    assert await run("B") == {"data": {"stores": {"totalCount": 0}}}
    for name in (None, "C", ""):
        body = await run(name)
        assert "data" not in body


async def test_reading_refuses_a_mutation_whatever_else_the_document_holds(world: World) -> None:
    document = 'query A { __typename } mutation B { createCustomer(input: {email: "a@example.com"}) { replayed } }'
    before = await world.everything()

    refused = await world.engine.run(Context(world.call(STAFF)), document, None, "B", reading=True)
    read = await world.engine.run(Context(world.call(STAFF)), document, None, "A", reading=True)

    assert (refused.code, refused.executed) == ("METHOD_NOT_ALLOWED", False)
    assert read.body == {"data": {"__typename": "Query"}}
    assert await world.everything() == before


async def test_what_a_mutation_changed_is_read_anew_by_the_next_one(world: World) -> None:
    id_ = await world.customer(firstName="Ann")
    document = """mutation($by: CustomerKey!) {
      a: updateCustomer(by: $by, input: {firstName: "B"}) { customer { firstName version } }
      b: updateCustomer(by: $by, input: {firstName: "C"}) { customer { firstName version } } }"""

    both = await world.data(document, {"by": {"id": id_}})

    assert both == {
        "a": {"customer": {"firstName": "B", "version": 2}},
        "b": {"customer": {"firstName": "C", "version": 3}},
    }


async def test_introspection_is_open_to_whoever_has_a_credential(world: World) -> None:
    found = await world.data('{ __schema { queryType { name } } __type(name: "Customer") { fields { name } } }')

    assert found["__schema"] == {"queryType": {"name": "Query"}}
    assert {"name": "email"} in found["__type"]["fields"]


async def test_a_warm_request_parses_validates_and_walks_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    document = "query($first: Int) { stores(first: $first) { nodes { id name } } }"
    first = (await world.engine.run(Context(world.call(STAFF)), document, {"first": 5}, None)).body

    for name in ("parse", "validate", "asked_of"):
        monkeypatch.delattr(module, name)
    monkeypatch.delattr(prepared_module, "Operation")

    assert (await world.engine.run(Context(world.call(STAFF)), document, {"first": 5}, None)).body == first


@pytest.mark.parametrize("name", ["compiled", "graphql-core"])
async def test_each_executor_can_be_chosen_and_gives_the_same(world: World, name: Executor) -> None:
    engine = Engine(world.engine._schema, executor=name)
    await world.customer(firstName="Ann")

    answer = await engine.run(Context(world.call(STAFF)), "{ customers { nodes { firstName email } } }", None, None)

    assert answer.body == {"data": {"customers": {"nodes": [{"firstName": "Ann", "email": "ann@example.com"}]}}}


async def test_a_mutation_is_carried_out_once_by_either_executor(world: World) -> None:
    for number, name in enumerate(("compiled", "graphql-core")):
        engine = Engine(world.engine._schema, executor=name)  # type: ignore[arg-type]  # the two there are
        email = f"a{number}@example.com"
        document = """mutation($e: String, $s: Boolean = true) { createCustomer(input: {email: $e}) {
          customer { email version @include(if: $s) } userErrors { code } } }"""

        body = (await engine.run(Context(world.call(STAFF)), document, {"e": email, "s": None}, None)).body

        assert "errors" in body  # a condition of null is graphql-core's to word
        assert len(await world.all("customers", {"email": email})) == 1
