"""Logs: one JSON object a line on standard error, with ids and no personal data.

An exception is logged by its type and the lines it passed, never by its text: that of a duplicate key quotes the key,
which may be somebody's e-mail address.
"""

import logging
import sys
import traceback
from typing import Any

import structlog
from structlog.typing import EventDict


def configure() -> None:
    """Set the process's logging up; called once, by whoever starts a process."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            exception_without_text,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


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


def _described(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "code": getattr(error, "code", None),
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
