"""Bodies: so many bytes, values and seconds as befits who sends them; a credential is looked at before the body."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from starlette.types import Message, Receive

from api.limits import numbers
from api.limits.bodies import LARGE, SMALL, Allowance, BadBody, allowance_of, holds_at_most, read_body
from api.limits.patience import Gone, Patience
from crm.values import Role
from tests.api.http_answers import code
from tests.api.serving import URL, Served
from tests.support import ADMIN, POS, STAFF, STOREFRONT, customer_caller


def sent(*parts: bytes, pause: float = 0, leaves: bool = False) -> Receive:
    """Return what gives a body part by part; a client who leaves does so instead of sending the last one."""
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages[-1] = {"type": "http.disconnect"} if leaves else {**messages[-1], "more_body": False}
    coming = iter(messages)

    async def receive() -> Message:
        await asyncio.sleep(pause)
        return next(coming)

    return receive


async def body(receive: Receive, allowed: Allowance, *, length: str | None) -> bytes:
    with Patience(receive) as patience:
        return await read_body(receive, allowed, patience, length=length)


def of_size(size: int) -> bytes:
    start = b'{"query": "{ __typename }", "variables": {"a": "'
    return start + b"x" * (size - len(start) - 3) + b'"}}'


def test_roles_that_record_may_send_more() -> None:
    assert [allowance_of(caller) for caller in (POS, STAFF, ADMIN)] == [LARGE] * 3
    assert [allowance_of(caller) for caller in (None, STOREFRONT, customer_caller("cus_0"))] == [SMALL] * 3


@pytest.mark.parametrize(
    ("role", "most"),
    [(Role.STOREFRONT, numbers.BODY_BYTES_MAX), (Role.POS, numbers.BATCH_BODY_BYTES_MAX)],
)
async def test_a_body_of_the_most_bytes_is_read_and_one_more_is_not(served: Served, role: Role, most: int) -> None:
    async with served.client() as client:
        fits = await client.post(URL, content=of_size(most), headers=served.headers(role))
        over = await client.post(URL, content=of_size(most + 1), headers=served.headers(role))

    assert fits.json() == {"data": {"__typename": "Query"}}
    assert (over.status_code, code(over)) == (413, "BAD_REQUEST")


async def test_an_announced_length_is_refused_unread_and_an_unannounced_one_where_it_is_too_long() -> None:
    async def never() -> Message:
        raise AssertionError("it was read")

    for length in (str(SMALL.bytes + 1), "9" * 400):
        with pytest.raises(BadBody) as refused:
            await body(never, SMALL, length=length)
        assert refused.value.status == 413
    for length in ("-1", "1e3", "\u0661"):
        with pytest.raises(BadBody) as refused:
            await body(never, SMALL, length=length)
        assert refused.value.status == 400
    for length in (None, "10"):
        with pytest.raises(BadBody) as refused:
            await body(sent(*[b" " * 1000] * 300), SMALL, length=length)
        assert refused.value.status == 413
    assert await body(sent(b"{", b"}"), SMALL, length=None) == b"{}"


async def test_a_body_that_trickles_is_cut_off_however_steadily() -> None:
    hasty = replace(SMALL, seconds=0.2)
    started = time.monotonic()
    with pytest.raises(BadBody) as refused:
        await body(sent(*[b" "] * 100, pause=0.02), hasty, length="100")

    assert refused.value.status == 408
    assert time.monotonic() - started < 1


async def test_a_client_who_leaves_has_sent_nothing() -> None:
    with pytest.raises(Gone):
        await body(sent(b"{", b"}", leaves=True), SMALL, length="2")


async def test_nobody_s_credential_is_refused_before_the_body_is_read(served: Served) -> None:
    def body() -> Iterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    async def unread() -> AsyncIterator[bytes]:
        for part in body():
            yield part

    headers = served.headers(None, Authorization="Bearer crm_admin_0")
    async with served.client() as client:
        response = await client.post(URL, content=unread(), headers=headers)

    assert (response.status_code, code(response)) == (401, "UNAUTHENTICATED")


async def test_variables_of_too_many_values_are_refused(served: Served) -> None:
    ids = b'{"query": "query($i: [ID!]!) { nodes(ids: $i) { id } }", "variables": {"i": [%s]}}'
    async with served.client() as client:
        response = await client.post(
            URL, content=ids % b",".join([b"1"] * 100_000), headers=served.headers(Role.STOREFRONT)
        )

    assert (response.status_code, code(response)) == (413, "BAD_REQUEST")


@pytest.mark.parametrize(
    ("value", "count"),
    [(None, 0), ("text", 0), ([], 0), ({}, 0), ([1, 2], 2), ({"a": [1, {"b": 2}]}, 4), ([[[[]]]], 3)],
)
def test_values_are_counted_at_every_depth(value: object, count: int) -> None:
    assert holds_at_most(value, count)
    assert count == 0 or not holds_at_most(value, count - 1)
