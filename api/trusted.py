"""Trusted documents: the list that codegen or Relay wrote when the shop's apps were built, read and judged at start."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from api.engine import Engine
from api.settings import BadSettings

SETTING = "CRM_TRUSTED_DOCUMENTS"
PREFIX = "sha256:"
FILE_BYTES_MAX = 16 * 1024 * 1024


def load(path: Path) -> Mapping[str, str]:
    """Return the documents of a file by their ids: `{"<hash>": "<document>"}`, as codegen and Relay write it.

    Raises:
        BadSettings: there is no such file, or it holds something else.
    """
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise BadSettings(f"{SETTING}: {path} is larger than {FILE_BYTES_MAX} bytes.")
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise BadSettings(f"{SETTING}: {path} cannot be read: {problem.strerror}.") from None
    except (ValueError, RecursionError):
        raise BadSettings(f"{SETTING}: {path} is not JSON.") from None
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise BadSettings(f"{SETTING}: {path} must be one object of documents by their hashes.")
    return {id_.removeprefix(PREFIX): text for id_, text in found.items()}


def check(documents: Mapping[str, str], engine: Engine) -> None:
    """Compare every document with the schema.

    Raises:
        BadSettings: one could never run.
    """
    for id_, text in documents.items():
        errors = engine.prepare(text).errors
        if errors:
            problem = errors[0]["message"]
            raise BadSettings(f"{SETTING}: the document {id_} does not fit this version: {problem}")
