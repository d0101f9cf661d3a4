"""Counts database commands, for the request that caused them and for the process: names and times, never contents."""

from collections.abc import Callable

from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from api.observability.record import CURRENT

Ended = Callable[[str, float, bool], None]
"""Told of every command that ended: its name, its seconds, and whether it went well."""


class CommandTally(CommandListener):
    """Adds every command to the current request's record.

    Motor calls from its threads, several at once for one request: appending to a list is atomic, adding to a number
    is not.
    """

    def __init__(self, ended: Ended | None = None) -> None:
        self._told = ended

    def started(self, event: CommandStartedEvent) -> None:
        """Count one more."""
        record = CURRENT.get()
        if record:
            record.commands.append(event.command_name)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Add its time."""
        self._ended(event.command_name, event.duration_micros, good=True)

    def failed(self, event: CommandFailedEvent) -> None:
        """Add its time: a conflict or a primary that went away has cost as much as an answer."""
        self._ended(event.command_name, event.duration_micros, good=False)

    def _ended(self, name: str, micros: int, *, good: bool) -> None:
        record = CURRENT.get()
        if record:
            record.command_micros.append(micros)
        if self._told:
            self._told(name, micros / 1e6, good)
