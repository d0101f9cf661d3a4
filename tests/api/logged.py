"""Logs as a process with the given settings writes them."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from api import logs
from api.settings import Settings


@contextmanager
def configured(**settings: Any) -> Iterator[None]:
    """Log as a process with these settings does."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.configure(Settings.model_validate({"secret": "s" * 40, **settings}))
    try:
        yield
    finally:
        structlog.reset_defaults()
        root.handlers[:], root.level = handlers, level
