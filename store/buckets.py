"""Token buckets shared by all processes: one document for each, filled up by the clock, drawn from in one command."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo import ReturnDocument, WriteConcern
from pymongo.errors import PyMongoError

from store.client import Database, Document
from store.collections import BUCKETS
from store.deadlines import deadline

DRAW_SECONDS = 1.0
KEPT_WHEN_FULL = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What is wanted of a bucket that holds `maximum` tokens and gets `rate` a second.

    Nothing is given where there are fewer than `need`, else up to `want`; a negative `want` puts tokens back. With
    `need` None `want` is taken even where nothing is left: the bucket then owes, at most as much as it holds.
    """

    maximum: int
    rate: float
    need: float | None
    want: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was given, and what is left."""

    given: float
    left: float


async def draw(database: Database, id_: str, asked: Draw, *, now: datetime) -> Drawn | None:
    """Draw from a bucket, which is full where nobody has heard of it; None where the database does not answer.

    Acknowledged by the primary alone: after a fail-over a caller may have a slice more.
    """
    buckets = database[BUCKETS].with_options(write_concern=WriteConcern(w=1))
    try:
        with deadline(DRAW_SECONDS):
            after: Document = await buckets.find_one_and_update(
                {"_id": id_}, _pipeline(asked, now), upsert=True, return_document=ReturnDocument.AFTER
            )
    except PyMongoError:
        return None
    return Drawn(after["given"], after["tokens"])


def _pipeline(asked: Draw, now: datetime) -> list[Document]:
    since = {"$max": [0, {"$subtract": [now, {"$ifNull": ["$at", now]}]}]}  # in milliseconds; clocks may disagree
    held = {"$add": [{"$ifNull": ["$tokens", asked.maximum]}, {"$multiply": [asked.rate / 1000, since]}]}
    given: object = asked.want
    if asked.need is not None:
        given = {"$cond": [{"$gte": ["$tokens", asked.need]}, {"$min": [asked.want, "$tokens"]}, 0]}
    left = {"$max": [-asked.maximum, {"$min": [asked.maximum, {"$subtract": ["$tokens", "$given"]}]}]}
    full_again = timedelta(seconds=2 * asked.maximum / asked.rate) + KEPT_WHEN_FULL
    return [
        {"$set": {"tokens": {"$min": [asked.maximum, held]}, "at": {"$max": [now, {"$ifNull": ["$at", now]}]}}},
        {"$set": {"given": given}},
        {"$set": {"tokens": left, "expiresAt": now + full_again}},
    ]
