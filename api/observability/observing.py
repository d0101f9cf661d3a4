"""Puts together what an installation's settings ask to be seen of it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pymongo.monitoring import CommandListener

from api.observability.commands import CommandTally
from api.observability.record import note_retry
from api.observability.requests import Requests, log_request
from api.settings import Settings

if TYPE_CHECKING:
    from api.observability.metrics import Metrics
    from api.observability.tracing import Tracing

LOGGED = frozenset({"debug", "info"})
"""Levels at which a request has its line."""


class Observing:
    """The records of requests, and what they are told to.

    Args:
        metrics, tracing: None where nobody asked for them.
        logged: whether a request has its line in the log.
    """

    def __init__(
        self, metrics: "Metrics | None" = None, tracing: "Tracing | None" = None, *, logged: bool = True
    ) -> None:
        self.metrics = metrics
        self.tracing = tracing
        self._logged = logged
        told = [metrics.request] if metrics else []
        self.requests = Requests([*told, log_request] if logged else told, tracing)

    @property
    def listeners(self) -> Sequence[CommandListener]:
        """What the driver tells of database commands: nothing where nobody wants to know, for telling takes time."""
        tally = [CommandTally(self.metrics.command if self.metrics else None)] if self._logged or self.metrics else []
        return [*tally, self.tracing.commands] if self.tracing else tally

    def retried(self) -> None:
        """Note that a transaction is tried again."""
        note_retry()
        if self.metrics:
            self.metrics.retry()

    async def close(self) -> None:
        """Send what is left."""
        if self.tracing:
            await self.tracing.close()


def observing(settings: Settings) -> Observing:
    """Return what the settings ask for; what they do not ask for is not even imported."""
    tracing = None
    if settings.otlp_endpoint is not None:
        from api.observability.tracing import exporting

        tracing = exporting(settings.otlp_endpoint)
    return Observing(metrics_of(settings), tracing, logged=settings.log_level in LOGGED)


def metrics_of(settings: Settings) -> "Metrics | None":
    """Return what counts in this process, None where nobody would ask for it."""
    if settings.metrics_port is None:
        return None
    from api.observability.metrics import Metrics

    return Metrics()
