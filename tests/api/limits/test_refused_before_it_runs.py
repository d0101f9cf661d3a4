"""What is too large is refused before anybody is asked; what is not is answered with few questions."""

from tests.support import ADMIN, STAFF, World, customer_caller

AGAIN = "customer { purchases(first: 70) { nodes { %s } } }"
NESTED = "{ me { purchases(first: 70) { nodes { " + AGAIN % "id" + " } } } }"


async def test_a_short_query_for_thousands_of_purchases_is_refused_before_it_runs(world: World) -> None:
    ann = await world.customer()
    world.commands.names.clear()

    body = await world.answer(NESTED, caller=customer_caller(ann))

    assert body["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert body["errors"][0]["message"] == "This may cost 5184 points, and 5000 are the most."
    assert world.commands.names == []


async def test_a_variable_makes_the_same_operation_too_large_or_not(world: World) -> None:
    text = "query($n: Int) { customers(first: $n) { nodes { purchases(first: $n) { nodes { lines { sku } } } } } }"

    small = await world.answer(text, {"n": 40}, caller=STAFF)
    large = await world.answer(text, {"n": 100}, caller=STAFF)

    assert small == {"data": {"customers": {"nodes": []}}}
    assert large["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


async def test_lists_within_the_bound_are_fetched_once_however_often_they_are_asked_for(world: World) -> None:
    ann = await world.customer()
    for number in range(5):
        await world.sell(id=f"s-{number}", customer={"id": ann})
    world.commands.names.clear()

    data = await world.data(NESTED.replace("70", "10"), caller=customer_caller(ann))

    inner = data["me"]["purchases"]["nodes"][4]["customer"]["purchases"]["nodes"]
    assert len(inner) == 5
    assert len(world.commands.names) <= 2, "one for the person and one for the purchases, or one for both"


async def test_at_most_twenty_mutations_are_carried_out_at_once(world: World) -> None:
    one = 'saveStore(input: {{code: "s{n}"}}) {{ store {{ code }} }}'
    many = "mutation { " + " ".join(f"m{n}: " + one.format(n=n) for n in range(21)) + " }"
    before = await world.everything()

    body = await world.answer(many, caller=ADMIN)

    assert body["errors"][0]["message"] == "An operation carries out at most 20 mutations."
    assert await world.everything() == before
    assert len(await world.data(many.replace('m20: saveStore(input: {code: "s20"}) { store { code } }', ""))) == 20
