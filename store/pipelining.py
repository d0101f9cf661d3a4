"""Several commands of a transaction on their way at once: sent together, their answers taken one after the other.

MongoDB reads the messages of a connection in their order and answers each before it reads the next. The first write
that fails aborts the transaction, so those behind it are refused: stored is what one after the other would store.

The driver has no such call. What it does around a command is done by its own functions here as well; their names begin
with an underscore, and its version is pinned (docs/decisions/0025).
"""

from collections.abc import Sequence
from typing import Any

from pymongo import ReadPreference
from pymongo.message import _op_msg
from pymongo.synchronous.command_runner import _run_command

from store.reads import Document
from store.transactions import written


def send(database: Any, session: Any, commands: Sequence[Document]) -> None:
    """Send writes of a transaction at once, and see that none of them failed.

    Args:
        database: the blocking driver's, as the session is.

    Raises:
        PyMongoError: what the first write that failed was answered with, or the connection was lost.
    """
    with database.client._conn_for_writes(session, "insert") as connection:
        messages = [_message(database, session, connection, command) for command in commands]
        connection.send_message(b"".join(text for text, _ in messages), max(largest for _, largest in messages))
        _take_answers(database, session, connection, commands)


def _message(database: Any, session: Any, connection: Any, command: Document) -> tuple[bytes, int]:
    """Return a command as it is sent, with all that the driver adds to one, and the size of its largest document."""
    connection.add_server_api(command)
    session._apply_to(command, False, ReadPreference.PRIMARY, connection)
    connection.send_cluster_time(command, session, database.client)
    connection.apply_timeout(command)
    if session._starting_transaction:
        session._transaction.set_in_progress()  # else the next command would start it again
    _, text, _, largest = _op_msg(
        0, command, database.name, ReadPreference.PRIMARY, database.codec_options, ctx=connection.compression_context
    )
    return text, largest


def _take_answers(database: Any, session: Any, connection: Any, commands: Sequence[Document]) -> None:
    """Take every answer, whatever the ones before say: one that is left behind would be the next command's."""
    failed: Exception | None = None
    for command in commands:
        try:
            (answer,), _, _ = _run_command(
                connection,
                command,
                database.name,
                0,
                b"",
                client=database.client,
                session=session,
                listeners=connection.listeners,
                topology_id=database.client._topology_id,
                codec_options=database.codec_options,
                more_to_come=True,  # it was sent
            )
            written(answer)
        except Exception as problem:  # noqa: BLE001 -- the first of them is raised when all answers are there
            failed = failed or problem
            if connection.closed:
                break
    if failed:
        raise failed
