"""Logs: one JSON object a line on standard error, with ids and no personal data; readable lines in development.

An exception is logged by its type and the lines it passed, never by its text: that of a duplicate key quotes the key,
which may be somebody's e-mail address. Of what libraries log, only the pattern is kept, for the same reason.
"""

import logging
import sys
import traceback
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict

from api.observability.record import CURRENT
from api.settings import Settings

LIBRARY_LINE_MAX = 200


def configure(settings: Settings) -> None:
    """Set the process's logging up; called once, by whoever starts a process."""
    readable = [readable_exception, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            of_request,
            exception_without_text,
            *(readable if settings.environment == "development" else [_json]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.log_level.upper())),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING, force=True)


def _json(_: Any, __: str, event: EventDict) -> str:
    return orjson.dumps(event, default=str).decode()


def of_request(_: Any, __: str, event: EventDict) -> EventDict:
    """Give a log line the id of the request it belongs to."""
    record = CURRENT.get()
    if record:
        event.setdefault("request_id", record.id)
    return event


def exception_without_text(_: Any, __: str, event: EventDict) -> EventDict:
    """Replace the exception of a log line by its types, its codes and where it was raised, causes last."""
    error = event.pop("exc_info", None)
    if isinstance(error, BaseException):
        chain = []
        while error is not None:
            chain.append(_described(error))
            error = error.__cause__ or error.__context__
        event["exception"] = chain
    return event


def readable_exception(_: Any, __: str, event: EventDict) -> EventDict:
    """Turn the described exceptions into lines for a person."""
    if "exception" in event:
        parts = [[f"{one['type']} {one['code'] or ''}".rstrip(), *one["at"]] for one in event["exception"]]
        event["exception"] = "\n".join("\n    ".join(part) for part in parts)
    return event


def _described(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "code": getattr(error, "code", None),
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


class _Libraries(logging.Handler):
    """Passes on what libraries log: who, and the first line of the pattern without what it was filled with."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log one line."""
        pattern = str(record.msg).partition("\n")[0][:LIBRARY_LINE_MAX]
        error = record.exc_info[1] if record.exc_info else None
        structlog.get_logger().log(record.levelno, "library", logger=record.name, pattern=pattern, exc_info=error)
