"""Who calls: keys by their hash, customers by their identity provider's tokens, and nobody by anything else."""

from datetime import timedelta
from typing import Any

import pytest

from api.authentication import Authenticator, Unauthenticated
from api.tokens import BadToken, Identity, IdentityProviderDown
from crm.callers import SYSTEM
from crm.values import Channel, Role
from services import api_keys
from tests.support import World

JWT = "aaa.bbb.ccc"


class Tokens:
    """Says of every token what the test says."""

    def __init__(self, answer: Identity | Exception) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def verify(self, token: str) -> Identity:
        self.asked.append(token)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def authenticator(world: World, answer: Identity | Exception | None = None) -> Authenticator:
    tokens: Any = Tokens(answer or BadToken("The token is not a readable JWT."))
    return Authenticator(world.shop, tokens)


def identity(world: World, subject: str, *, issuer: str = "https://login", development: bool = False) -> Identity:
    return Identity(
        issuer=issuer, subject=subject, expires_at=world.clock() + timedelta(hours=1), development=development
    )


async def test_a_key_makes_its_bearer_what_it_was_made_for(world: World) -> None:
    made = await api_keys.create(
        world.call(SYSTEM), Role.POS, store_code="vienna-1", channel=Channel.POS, name="Till 7"
    )

    caller = await authenticator(world).authenticate(f"Bearer {made.key}")

    assert (caller.role, caller.principal, caller.name) == (Role.POS, made.id, "Till 7")
    assert (caller.store_code, caller.channel, caller.customer_id) == ("vienna-1", Channel.POS, None)
    (stored,) = await world.all("api_keys")
    assert made.key not in str(stored)


@pytest.mark.parametrize("written", ["Bearer {}", "bearer {}", "BEARER   {}  ", "  Bearer {}"])
async def test_the_scheme_is_bearer_in_any_case(world: World, written: str) -> None:
    made = await api_keys.create(world.call(SYSTEM), Role.STAFF)

    assert (await authenticator(world).authenticate(written.format(made.key))).role is Role.STAFF


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        "crm_admin_0123",
        "Bearer crm_admin_0123",
        "Bearer \u00e9\u00e9",
        "Bearer a.b",
        "Bearer a.b.c.d",
        'Bearer {"$ne": ""}',
        "Bearer " + "x" * 8193,
        f"Bearer {'a' * 8190}.b.c",
    ],
)
async def test_anything_else_is_nobody(world: World, header: str | None) -> None:
    await api_keys.create(world.call(SYSTEM), Role.ADMIN)

    with pytest.raises(Unauthenticated) as refused:
        await authenticator(world).authenticate(header)

    assert "0123" not in str(refused.value)


async def test_a_revoked_key_ends_within_five_seconds(world: World) -> None:
    made, other = [await api_keys.create(world.call(SYSTEM), Role.ADMIN) for _ in range(2)]
    door = authenticator(world)
    await door.authenticate(f"Bearer {made.key}")
    await door.authenticate(f"Bearer {other.key}")
    assert await api_keys.revoke(world.call(SYSTEM), made.id)

    world.clock.advance(seconds=4.999)
    assert (await door.authenticate(f"Bearer {made.key}")).role is Role.ADMIN
    world.clock.advance(seconds=0.001)

    with pytest.raises(Unauthenticated, match="unknown, revoked or expired"):
        await door.authenticate(f"Bearer {made.key}")
    assert (await door.authenticate(f"Bearer {other.key}")).principal == other.id


async def test_what_is_remembered_of_a_key_ends_when_the_key_may_have(world: World) -> None:
    short = await api_keys.create(world.call(SYSTEM), Role.POS, lifetime=timedelta(seconds=3))
    lasting, revoked = [await api_keys.create(world.call(SYSTEM), Role.ADMIN) for _ in range(2)]
    door = authenticator(world)
    headers = [f"Bearer {made.key}" for made in (short, lasting)]
    assert [door.remembered(header) for header in headers] == [None, None]
    callers = [await door.authenticate(header) for header in headers]
    await api_keys.revoke(world.call(SYSTEM), revoked.id)
    with pytest.raises(Unauthenticated):
        await door.authenticate(f"Bearer {revoked.key}")

    assert [door.remembered(header) for header in headers] == callers
    assert door.remembered(f"Bearer {revoked.key}") is None
    world.clock.advance(seconds=3)
    assert [door.remembered(header) for header in headers] == [None, callers[1]]
    world.clock.advance(seconds=2)
    assert [door.remembered(header) for header in headers] == [None, None]
    assert door.remembered(None) is door.remembered(f"Bearer {JWT}") is None


async def test_a_known_key_is_looked_up_once_in_five_seconds_and_so_is_a_revoked_one(world: World) -> None:
    made, ended = [await api_keys.create(world.call(SYSTEM), Role.ADMIN) for _ in range(2)]
    await api_keys.revoke(world.call(SYSTEM), ended.id)
    door = authenticator(world)
    world.commands.names.clear()

    for _ in range(10):
        await door.authenticate(f"Bearer {made.key}")
        with pytest.raises(Unauthenticated):
            await door.authenticate(f"Bearer {ended.key}")

    assert world.commands.names == ["find api_keys"] * 2


async def test_a_flood_of_guesses_asks_the_database_nothing_and_crowds_nobody_out(world: World) -> None:
    made = await api_keys.create(world.call(SYSTEM), Role.ADMIN)
    door = authenticator(world)
    await door.authenticate(f"Bearer {made.key}")
    world.commands.names.clear()

    for number in range(2000):
        with pytest.raises(Unauthenticated):
            await door.authenticate(f"Bearer crm_admin_{number:050x}")
    for changed in (made.key[:-1] + "g", made.key.replace("admin", "staff"), made.key[:20] + made.key[21:]):
        with pytest.raises(Unauthenticated):
            await door.authenticate(f"Bearer {changed}")

    assert await door.authenticate(f"Bearer {made.key}")
    assert world.commands.names == []
    assert len(door._known) == 1


async def test_a_key_of_another_installation_is_none_here(world: World) -> None:
    made = await api_keys.create(world.call(SYSTEM), Role.ADMIN)
    world.shop.pepper = b"another" * 8
    world.commands.names.clear()

    with pytest.raises(Unauthenticated):
        await authenticator(world).authenticate(f"Bearer {made.key}")

    assert world.commands.names == []


async def test_what_is_remembered_of_keys_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.authentication.KEYS_REMEMBERED_MAX", 3)
    door = authenticator(world)

    for _ in range(5):
        made = await api_keys.create(world.call(SYSTEM), Role.POS)
        await door.authenticate(f"Bearer {made.key}")

    assert len(door._known) == 3


async def test_a_key_with_an_end_ends_at_that_instant_though_it_is_remembered(world: World) -> None:
    made = await api_keys.create(world.call(SYSTEM), Role.POS, lifetime=timedelta(days=90))
    door = authenticator(world)
    world.clock.advance(days=90, seconds=-1)
    await door.authenticate(f"Bearer {made.key}")

    world.clock.advance(milliseconds=999)
    assert await door.authenticate(f"Bearer {made.key}")
    world.clock.advance(milliseconds=1)

    with pytest.raises(Unauthenticated):
        await door.authenticate(f"Bearer {made.key}")


async def test_a_rotated_key_works_until_the_overlap_is_over_and_its_bearer_stays_who_he_was(world: World) -> None:
    old = await api_keys.create(world.call(SYSTEM), Role.POS, store_code="vienna-1", channel=Channel.POS, name="Till 7")
    door = authenticator(world)
    before = await door.authenticate(f"Bearer {old.key}")

    new = await api_keys.rotate(world.call(SYSTEM), old.id, timedelta(hours=24))

    assert await door.authenticate(f"Bearer {new.key}") == before
    world.clock.advance(hours=24, seconds=-1)
    assert await door.authenticate(f"Bearer {old.key}") == before
    world.clock.advance(seconds=1)
    with pytest.raises(Unauthenticated):
        await door.authenticate(f"Bearer {old.key}")
    assert await door.authenticate(f"Bearer {new.key}") == before
    stored = {key["_id"]: key for key in await world.all("api_keys")}
    assert stored[new.id]["principal"] == stored[old.id]["principal"] == old.id


async def test_the_use_of_a_key_is_written_down_in_the_background_once_a_minute(world: World) -> None:
    made = await api_keys.create(world.call(SYSTEM), Role.POS)
    door, began = authenticator(world), world.clock()
    await door.authenticate(f"Bearer {made.key}")
    world.commands.names.clear()

    for _ in range(59):
        await door.authenticate(f"Bearer {made.key}")
        await world.shop.notebook.flush()
        world.clock.advance(seconds=1)

    assert world.commands.names.count("update api_keys") == 1
    (stored,) = await world.all("api_keys")
    assert stored["lastUsedAt"] == began
    world.clock.advance(seconds=1)
    await door.authenticate(f"Bearer {made.key}")
    await world.shop.notebook.flush()
    (stored,) = await world.all("api_keys")
    assert stored["lastUsedAt"] == began + timedelta(minutes=1)


async def test_a_development_token_names_the_customer_itself(world: World) -> None:
    door = authenticator(world, identity(world, "cus_01J00000000000000000000000", development=True))

    caller = await door.authenticate(f"Bearer {JWT}")

    assert (caller.role, caller.customer_id) == (Role.CUSTOMER, "cus_01J00000000000000000000000")
    assert caller.identity is None


async def test_a_token_names_the_customer_with_its_sub_as_external_id_and_never_by_email(world: World) -> None:
    ann = await world.customer(email="ann@example.com")
    eva = await world.customer(
        email="eva@example.com", externalIds=[{"source": "jwt", "value": "auth0|eva"}, {"source": "erp", "value": "9"}]
    )

    known = await authenticator(world, identity(world, "auth0|eva")).authenticate(f"Bearer {JWT}")
    by_email = await authenticator(world, identity(world, "ann@example.com")).authenticate(f"Bearer {JWT}")
    by_id = await authenticator(world, identity(world, ann)).authenticate(f"Bearer {JWT}")
    other_source = await authenticator(world, identity(world, "9")).authenticate(f"Bearer {JWT}")

    assert (known.customer_id, known.identity) == (eva, ("jwt", "auth0|eva"))
    assert [caller.customer_id for caller in (by_email, by_id, other_source)] == [None, None, None]
    assert by_email.identity == ("jwt", "ann@example.com")


async def test_the_principal_of_a_customer_says_nothing_of_the_person_and_stays_the_same(world: World) -> None:
    one = await authenticator(world, identity(world, "ann@example.com")).authenticate(f"Bearer {JWT}")
    again = await authenticator(world, identity(world, "ann@example.com")).authenticate("Bearer ddd.eee.fff")
    others = [
        await authenticator(world, identity(world, "bob@example.com")).authenticate(f"Bearer {JWT}"),
        await authenticator(world, identity(world, "ann@example.com", issuer="x")).authenticate(f"Bearer {JWT}"),
    ]
    world.shop.pepper = b"another" * 8
    elsewhere = await authenticator(world, identity(world, "ann@example.com")).authenticate(f"Bearer {JWT}")

    assert one.principal == again.principal
    assert len({caller.principal for caller in (one, elsewhere, *others)}) == 4  # not to be guessed without the pepper
    assert "ann" not in one.principal
    assert "ann" not in one.name


async def test_a_bad_token_is_told_why_and_a_provider_that_is_down_is_not_the_customers_fault(world: World) -> None:
    with pytest.raises(Unauthenticated, match="expired"):
        await authenticator(world, BadToken("The token has expired.")).authenticate(f"Bearer {JWT}")
    with pytest.raises(IdentityProviderDown):
        await authenticator(world, IdentityProviderDown()).authenticate(f"Bearer {JWT}")


async def test_a_customer_gets_no_key(world: World) -> None:
    with pytest.raises(ValueError, match="no API key"):
        await api_keys.create(world.call(SYSTEM), Role.CUSTOMER)

    assert await world.all("api_keys") == []
