"""API keys: made once and shown once, known afterwards by an HMAC-SHA256 with the installation's pepper.

A key ends with a tag that only this installation can make. One that it has not made is known to be none by
computation, so a flood of guesses asks the database nothing.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from crm.callers import Caller
from crm.ids import API_KEY
from crm.refusals import not_found
from crm.values import Channel, Role
from services import audit
from services.audit import Change
from services.context import Call, Shop
from store import api_keys
from store.client import Document, Tx

TAG_LENGTH = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key at the only moment it is known. `replaced_until` is when the one it replaces ends."""

    id: str
    key: str
    role: Role
    expires_at: datetime | None = None
    replaced_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownKey:
    """A key that is good, until it is revoked or `expires_at`, and whom it makes its bearer."""

    id: str
    caller: Caller
    expires_at: datetime | None

    def good_at(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.expires_at is None or now < self.expires_at


def key_hash(pepper: bytes, key: str) -> str:
    """Return what stands for a key in the database."""
    return hmac.new(pepper, b"api-key:" + key.encode(), hashlib.sha256).hexdigest()


def made_here(pepper: bytes, key: str) -> bool:
    """Whether a key carries this installation's tag; it may have ended all the same."""
    return hmac.compare_digest(key[-TAG_LENGTH:].encode(), _tag(pepper, key[:-TAG_LENGTH]).encode())


def _tag(pepper: bytes, start: str) -> str:
    return hmac.new(pepper, b"api-key-tag:" + start.encode(), hashlib.sha256).hexdigest()[:TAG_LENGTH]


def _new_secret(pepper: bytes, role: Role) -> str:
    start = f"crm_{role.lower()}_{secrets.token_hex(20)}"
    return start + _tag(pepper, start)


async def create(
    call: Call,
    role: Role,
    *,
    store_code: str | None = None,
    channel: Channel | None = None,
    name: str | None = None,
    lifetime: timedelta | None = None,
) -> NewKey:
    """Make a key for a role, bound to a store and a channel and with an end where given.

    Raises:
        ValueError: for CUSTOMER, whose credential is a token of the shop's identity provider.
    """
    if role is Role.CUSTOMER:
        raise ValueError("Customers have no API key: their credential is a token of the identity provider.")
    id_, key = call.new_id(API_KEY), _new_secret(call.shop.pepper, role)
    expires_at = call.now + lifetime if lifetime else None
    document: Document = {
        "_id": id_,
        "hash": key_hash(call.shop.pepper, key),
        "role": role.value,
        "principal": id_,
        "storeCode": store_code,
        "channel": channel.value if channel else None,
        "name": name or f"{role.lower()} key",
        "createdAt": call.now,
        "revokedAt": None,
        "expiresAt": expires_at,
        "lastUsedAt": None,
        "replacedBy": None,
    }

    async def work(tx: Tx) -> None:
        await api_keys.insert(call.database, document, tx=tx)
        await audit.append(call, "keys.create", [Change(of=id_, after=_told(document))], tx=tx)

    await call.database.transaction(work)
    return NewKey(id=id_, key=key, role=role, expires_at=expires_at)


async def rotate(call: Call, id_: str, overlap: timedelta) -> NewKey:
    """Make a new secret for a key's principal; the old one works for `overlap` longer, or as long as it would have.

    Whoever bears it stays the same caller: idempotency keys and the audit log go on. A key made for a time is
    replaced by one for as long a time.

    Raises:
        Refusal: NOT_FOUND where there is no such key, or it has ended or been replaced.
    """
    new_id = call.new_id(API_KEY)

    async def work(tx: Tx) -> NewKey:
        old = await api_keys.by_id(call.database, id_, tx=tx)
        if old is None or not _alive(old, call.now) or old["replacedBy"]:
            raise not_found("There is no such key, or it has ended or been replaced already.")
        role = Role(old["role"])
        key, until = _new_secret(call.shop.pepper, role), call.now + overlap
        until = min(until, old["expiresAt"] or until)
        lifetime = old["expiresAt"] - old["createdAt"] if old["expiresAt"] else None
        new = {
            **old,
            "_id": new_id,
            "hash": key_hash(call.shop.pepper, key),
            "createdAt": call.now,
            "expiresAt": call.now + lifetime if lifetime else None,
            "lastUsedAt": None,
        }
        await api_keys.replace(call.database, id_, by=new, until=until, tx=tx)
        changes = [
            Change(of=id_, before={"expiresAt": old["expiresAt"]}, after={"expiresAt": until, "replacedBy": new_id}),
            Change(of=new_id, after=_told(new)),
        ]
        await audit.append(call, "keys.rotate", changes, tx=tx)
        return NewKey(id=new_id, key=key, role=role, expires_at=new["expiresAt"], replaced_until=until)

    return await call.database.transaction(work)


async def revoke(call: Call, id_: str) -> bool:
    """End a key and return whether there was one to end; servers notice within five seconds."""

    async def work(tx: Tx) -> bool:
        ended = await api_keys.revoke(call.database, id_, call.now, tx=tx)
        if ended:
            await audit.append(call, "keys.revoke", [Change(of=id_, after={"revokedAt": call.now})], tx=tx)
        return ended

    return await call.database.transaction(work)


async def known(shop: Shop, key: str) -> KnownKey | None:
    """Return what a key is, None for one that is unknown, revoked or expired; one that is none costs no command."""
    if not made_here(shop.pepper, key):
        return None
    document = await api_keys.by_hash(shop.database, key_hash(shop.pepper, key))
    if document is None or not _alive(document, shop.clock()):
        return None
    return KnownKey(id=document["_id"], caller=_caller(document), expires_at=document["expiresAt"])


async def caller_of(shop: Shop, key: str) -> Caller | None:
    """Return whom a key makes its bearer, None for one that is none."""
    found = await known(shop, key)
    return found.caller if found else None


def _alive(document: Document, now: datetime) -> bool:
    return document["revokedAt"] is None and (document["expiresAt"] is None or now < document["expiresAt"])


def _told(document: Document) -> Document:
    """Return what the audit log says of a key: neither its hash nor its name, which may be a person's."""
    return {name: document[name] for name in ("role", "principal", "storeCode", "channel", "expiresAt")}


def _caller(document: Document) -> Caller:
    return Caller(
        role=Role(document["role"]),
        principal=document["principal"],
        name=document["name"],
        store_code=document["storeCode"],
        channel=Channel(document["channel"]) if document["channel"] else None,
    )
