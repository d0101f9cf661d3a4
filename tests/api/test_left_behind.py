"""A request leaves no cycles behind: nothing of it waits for the garbage collector, which stops all others."""

import gc
from collections.abc import Iterator

import pytest

from api.engine import Engine
from resolvers.context import Context
from schema.build import build_schema, executable
from tests.resolvers.test_counts import ACCOUNT_PAGE
from tests.support import STAFF, World, customer_caller, whole

OURS = ("api.", "executor.", "resolvers.", "services.", "store.")


@pytest.fixture
def stopped() -> Iterator[None]:
    """The collector collects only when it is told to."""
    gc.disable()
    yield
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


async def test_an_account_page_and_a_look_up_leave_nothing_behind(world: World, stopped: None) -> None:
    engine = Engine(executable(build_schema()))
    ann = await world.customer()
    await world.sell(**whole(5), id="s-1", customer={"id": ann})
    asked = [
        (ACCOUNT_PAGE, customer_caller(ann)),
        (f'{{ customer(by: {{id: "{ann}"}}) {{ firstName }} }}', STAFF),
        (
            "{ customers { nodes { id loyalty { balance { available } } purchases(first: 1) { nodes { id } } } } }",
            STAFF,
        ),
    ]
    for _ in range(2):  # the first time plans are made and programmes read
        gc.set_debug(0)
        gc.collect()
        gc.set_debug(gc.DEBUG_SAVEALL)  # what it finds from now on stays in gc.garbage
        for text, caller in asked:
            answer = await engine.run(Context(world.call(caller)), text, {}, None)
            assert "errors" not in answer.body
    gc.collect()
    assert [type(one) for one in gc.garbage if type(one).__module__.startswith(OURS)] == []
