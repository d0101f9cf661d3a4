"""Brings a database from any earlier shape to this version's: ordered steps, each run once, under a lock.

A step is a module `mNNNN_name` with an async function `run(database)`. Its source's checksum is kept: a step that was
changed after it ran stops the start, because two installations would otherwise differ without anybody knowing.
Steps are safe to run again: a crash in the middle leaves the step unmarked, and the next start repeats it.
"""

import asyncio
import hashlib
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import ModuleType
from uuid import uuid4

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from store.client import Database
from store.collections import MIGRATIONS

LEASE = timedelta(seconds=60)
_LOCK = "lock"


class MigrationChanged(Exception):
    """A step that has run here was edited since."""


def steps() -> list[tuple[str, ModuleType]]:
    """Return every step's name and module, in order."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name.startswith("m"))
    return [(name, importlib.import_module(f"{__name__}.{name}")) for name in names]


def checksum(step: ModuleType) -> str:
    """Return what tells two versions of a step apart."""
    return hashlib.sha256(inspect.getsource(step).encode()).hexdigest()


async def migrate(database: Database, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> list[str]:
    """Run what has not run yet and return its names; several processes may start at once.

    Raises:
        MigrationChanged: a step that ran here no longer is what ran.
    """
    done = await _done(database)
    if all(name in done for name, _ in steps()):
        _compare(done)
        return []
    token = await _lock(database, clock)
    try:
        done = await _done(database)
        _compare(done)
        ran = [(name, step) for name, step in steps() if name not in done]
        for name, step in ran:
            await step.run(database)
            await database[MIGRATIONS].insert_one({"_id": name, "checksum": checksum(step), "ranAt": clock()})
        return [name for name, _ in ran]
    finally:
        await database[MIGRATIONS].delete_one({"_id": _LOCK, "token": token})


async def missing(database: Database) -> list[str]:
    """Return the steps that have not run here, with one command."""
    done = await _done(database)
    return [name for name, _ in steps() if name not in done]


async def _done(database: Database) -> dict[str, str]:
    found = await database[MIGRATIONS].find({"_id": {"$ne": _LOCK}}).to_list(None)
    return {step["_id"]: step["checksum"] for step in found}


def _compare(done: dict[str, str]) -> None:
    changed = [name for name, step in steps() if name in done and done[name] != checksum(step)]
    if changed:
        raise MigrationChanged(f"Migration {changed[0]} was edited after it ran here; write a new one instead.")


async def _lock(database: Database, clock: Callable[[], datetime]) -> str:
    """Wait until no other process migrates; a lock whose holder died ends with its lease."""
    token = uuid4().hex
    while True:
        now = clock()
        try:
            held = await database[MIGRATIONS].find_one_and_update(
                {"_id": _LOCK, "until": {"$lt": now}},
                {"$set": {"token": token, "until": now + LEASE}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
            if held["token"] == token:
                return token
        except DuplicateKeyError:
            await asyncio.sleep(0.2)
