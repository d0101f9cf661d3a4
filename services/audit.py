"""What staff and administrators change is written down in the change's own transaction (docs/decisions/0017).

Personal data stays where it is: an entry names the fields that changed, and a natural key by a keyed digest, so that
"was it this address?" can be answered and "which address was it?" cannot.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from crm.callers import SYSTEM
from crm.ids import AUDIT
from crm.values import Role
from services.context import Call
from store import audit
from store.client import Document, Tx
from store.outbox import Fact

KEEP = timedelta(days=730)
AUDITED = frozenset({Role.STAFF, Role.ADMIN})
DIGEST_LENGTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What something was and became, of settings whole and of persons what is not personal.

    Args:
        of: the id of what changed.
    """

    of: str
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)


def difference(of: str, before: Document | None, after: Document) -> Change | None:
    """Return what of a document changed, None where nothing did."""
    old = before or {}
    names = [name for name in {**old, **after} if old.get(name) != after.get(name) and name != "_id"]
    if not names:
        return None
    return Change(
        of=of,
        before={name: old[name] for name in names if name in old},
        after={name: after[name] for name in names if name in after},
    )


async def record(
    call: Call, changes: Sequence[Change], *, facts: Sequence[Fact] = (), owner: str | None = None, tx: Tx
) -> None:
    """Write down what the caller changed, where that is staff's or an administrator's doing.

    What the installation does by itself, as imports and the worker do, is in the outbox.

    Args:
        facts: what the outbox is told, ids and values as well.
        owner: whose it is.
    """
    if call.caller.role in AUDITED and call.caller.principal != SYSTEM.principal and (changes or facts):
        await append(call, call.action, changes, facts=facts, owner=owner, tx=tx)


async def append(
    call: Call,
    what: str,
    changes: Sequence[Change],
    *,
    facts: Sequence[Fact] = (),
    owner: str | None = None,
    tx: Tx,
) -> None:
    """Write down what was changed, whoever did it."""
    named = [owner, *(change.of for change in changes), *(node_id for _, node_id, _ in facts)]
    entry = {
        "_id": call.new_id(AUDIT),
        "at": call.now,
        "until": call.now + KEEP,
        "by": call.caller.principal,
        "role": call.caller.role.value,
        "what": what,
        "of": list(dict.fromkeys(id_ for id_ in named if id_)),
        "changes": [{"of": one.of, "before": dict(one.before), "after": dict(one.after)} for one in changes],
        "facts": [{"topic": topic.value, "of": node_id, "data": data} for topic, node_id, data in facts],
    }
    await audit.insert(call.database, entry, tx=tx)


def digests(call: Call, keys: Iterable[str]) -> list[str]:
    """Return what stands for natural keys such as `email:ann@example.com`: their kind and a keyed digest."""
    return [f"{key.partition(':')[0]}:{_digest(call.shop.pepper, key)}" for key in sorted(keys)]


def _digest(pepper: bytes, key: str) -> str:
    return hmac.new(pepper, b"audit:" + key.encode(), hashlib.sha256).hexdigest()[:DIGEST_LENGTH]
