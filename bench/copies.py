"""Many customers out of few, faster than `crm synth` makes them: copies of their documents under other ids.

All ids have one length, so a copy is the same bytes with other letters in each id of what belongs to a person. The
histories are the real shop's, each as often as there are copies. Keys and events are left out: no query reads them.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient, WriteConcern
from pymongo.database import Database

from crm.ids import ACCOUNT, CUSTOMER, LOT, PURCHASE, TRANSACTION

COPIED = {
    "customers": CUSTOMER,
    "loyalty_accounts": ACCOUNT,
    "purchases": PURCHASE,
    "points_transactions": TRANSACTION,
    "points_lots": LOT,
    "tastes": CUSTOMER,
}
"""What is copied, and how the ids there begin."""

AGE, NEXT_AGE = "01", "02"
"""How the ids of this age go on: the milliseconds since 1970 in them reach the next one in 2039."""

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
FIRST, LAST = 64, 255
"""The copies' ages, "20" to "7Z": no id has a later one."""

BATCH, THREADS = 2000, 2


def renamed(documents: bytes, copy: int) -> bytes:
    """Return documents in BSON with the ids of a copy, numbered from 0."""
    high, low = divmod(FIRST + copy, len(LETTERS))
    for prefix in set(COPIED.values()):
        documents = documents.replace(f"{prefix}_{AGE}".encode(), f"{prefix}_{LETTERS[high]}{LETTERS[low]}".encode())
    return documents


def split(documents: bytes) -> Iterator[RawBSONDocument]:
    """Give each of the documents that follow each other in BSON, undecoded."""
    start = 0
    while start < len(documents):
        end = start + int.from_bytes(documents[start : start + 4], "little")
        yield RawBSONDocument(documents[start:end])
        start = end


def multiply(environ: Mapping[str, str], times: int, *, already: int = 1) -> None:
    """Make so many times the customers that were made at first; `already` says how many times there are by now."""
    copies = range(already - 1, times - 1)
    assert FIRST + copies.stop <= LAST + 1, f"{times} times are more than there are ids for"
    raw: CodecOptions[Any] = CodecOptions(document_class=RawBSONDocument)
    with MongoClient[Any](environ["CRM_MONGODB_URI"]) as client, ThreadPoolExecutor(THREADS) as pool:
        database = client.get_database(
            environ["CRM_MONGODB_DATABASE"], codec_options=raw, write_concern=WriteConcern(1)
        )
        work = [pool.submit(_copy, database, name, copy) for copy in copies for name in COPIED]
        for one in work:
            one.result()


def _copy(database: Database[Any], name: str, copy: int) -> None:
    """Copy what is no copy in a collection."""
    prefix = COPIED[name]
    originals = {"_id": {"$gte": f"{prefix}_{AGE}", "$lt": f"{prefix}_{NEXT_AGE}"}}
    for batch in database[name].find_raw_batches(originals, batch_size=BATCH):
        database[name].insert_many(split(renamed(batch, copy)), ordered=False)
