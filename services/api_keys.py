"""API keys: made once and shown once, known afterwards by an HMAC-SHA256 with the installation's pepper."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from crm.callers import Caller
from crm.ids import API_KEY
from crm.values import Channel, Role
from services.context import Call, Shop
from store import api_keys
from store.client import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key at the only moment it is known."""

    id: str
    key: str
    role: Role


def key_hash(pepper: bytes, key: str) -> str:
    """Return what stands for a key in the database."""
    return hmac.new(pepper, b"api-key:" + key.encode(), hashlib.sha256).hexdigest()


async def create(
    call: Call, role: Role, *, store_code: str | None = None, channel: Channel | None = None, name: str | None = None
) -> NewKey:
    """Make a key for a role, bound to a store and a channel where given.

    Raises:
        ValueError: for CUSTOMER, whose credential is a token of the shop's identity provider.
    """
    if role is Role.CUSTOMER:
        raise ValueError("Customers have no API key: their credential is a token of the identity provider.")
    id_, key = call.new_id(API_KEY), f"crm_{role.lower()}_{secrets.token_hex(20)}"
    await api_keys.insert(
        call.database,
        {
            "_id": id_,
            "hash": key_hash(call.shop.pepper, key),
            "role": role.value,
            "principal": id_,
            "storeCode": store_code,
            "channel": channel.value if channel else None,
            "name": name or f"{role.lower()} key",
            "createdAt": call.now,
            "revokedAt": None,
        },
    )
    return NewKey(id=id_, key=key, role=role)


async def caller_of(shop: Shop, key: str) -> Caller | None:
    """Return whom a key makes its bearer, None for one that is unknown or revoked."""
    document = await api_keys.by_hash(shop.database, key_hash(shop.pepper, key))
    return _caller(document) if document else None


def _caller(document: Document) -> Caller:
    return Caller(
        role=Role(document["role"]),
        principal=document["principal"],
        name=document["name"],
        store_code=document["storeCode"],
        channel=Channel(document["channel"]) if document["channel"] else None,
    )
