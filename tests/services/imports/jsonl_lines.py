"""Lines of a JSON Lines file for the import, and what it made of them."""

from pathlib import Path
from typing import Any

import orjson

from tests.support import World, sale, whole

ANN = {"customer": {"email": "ann@example.com", "cardNumber": "C-1", "externalIds": [{"source": "shop", "value": "7"}]}}


def bought(id_: str, amount: int, by: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    key = {"customer": by} if by else {}
    return {"purchase": sale(**{**whole(amount), "id": id_, **key, **fields})}


def brought_back(id_: str, purchase: str, quantity: str = "1") -> dict[str, Any]:
    return {
        "return": {
            "externalId": {"source": "till-7", "value": id_},
            "purchase": {"externalId": {"source": "till-7", "value": purchase}},
            "occurredAt": "2026-11-21T11:00:00Z",
            "lines": [{"lineNumber": 1, "quantity": quantity}],
        }
    }


def written(tmp_path: Path, *lines: dict[str, Any] | bytes, end: bytes = b"\n") -> Path:
    path = tmp_path / "data.jsonl"
    path.write_bytes(b"".join((line if isinstance(line, bytes) else orjson.dumps(line)) + end for line in lines))
    return path


async def ledger(world: World, customer: str) -> list[tuple[str, int]]:
    """Return what happened to a customer's points, in the order in which it happened."""
    entries = sorted(await world.all("points_transactions", {"owner": customer}), key=lambda entry: entry["sequence"])
    return [(entry["source"]["externalId"]["value"], entry["points"]) for entry in entries]


async def the_customer(world: World) -> str:
    (person,) = await world.all("customers")
    return str(person["_id"])
