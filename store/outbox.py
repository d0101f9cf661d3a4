"""The outbox: one event for each fact, written in the fact's transaction, numbered after commit.

An event holds ids and values of the fact and no personal data. Events of one transaction share `transactionId` and
stand in it at `position`; `sequence` stays null until the one sequencer gives it, because a counter inside the
transaction would put every till of the shop in one line (measured: 54 transactions a second against 486).
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from crm.ids import CUSTOMER, EVENT, prefix_of
from crm.values import Topic
from store import writing
from store.client import Database, Document, Tx
from store.collections import OUTBOX

Fact = tuple[Topic, str, dict[str, Any]]
"""A topic, the id of the node it is about, and the fact's values."""


def events(
    facts: Sequence[Fact], *, at: datetime, owner: str, principal: str, new_id: Callable[[str], str]
) -> list[Document]:
    """Return the documents of one transaction's facts, in their order."""
    transaction = new_id(EVENT)
    return [
        {
            "_id": transaction if position == 0 else new_id(EVENT),
            "topic": topic.value,
            "nodeId": node_id,
            "owner": node_id if prefix_of(node_id) == CUSTOMER else owner,
            "at": at,
            "by": principal,
            "data": data,
            "transactionId": transaction,
            "position": position,
            "sequence": None,
        }
        for position, (topic, node_id, data) in enumerate(facts)
    ]


async def insert(database: Database, documents: Sequence[Document], *, tx: Tx) -> None:
    """Write the events of the transaction under way."""
    await writing.insert(database, OUTBOX, documents, tx=tx)
