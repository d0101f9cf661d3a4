"""What a client wants executed, however it came: read from the parameters of an HTTP request or a socket's message."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from api.limits.bodies import BadBody

HASH_LENGTH_MAX = 128
ESCAPED = b"\\u003"
"""How a colon begins that is written as an escape."""


class BadRequest(BadBody):
    """What was sent carries no GraphQL request; `status` says how, in HTTP's terms."""


@dataclass(slots=True)  # frozen, it would take three times as long to make
class GraphQLRequest:
    """One operation to execute: by its text, by the name of a document known here (`document_id`), or by both.

    `hashed` is the SHA-256 of Apollo's persisted queries; a `document_id` is a name in the list of trusted documents.
    """

    query: str | None
    variables: Mapping[str, Any] | None
    operation_name: str | None
    document_id: str | None = None
    hashed: bool = False


def parsed(text: bytes) -> Any:
    """Return JSON in UTF-8 as values.

    Raises:
        BadRequest: it is none, or an object has a name twice: whoever reads it next may choose the other value.
    """
    try:
        value = orjson.loads(text)
        if ESCAPED in text or text.count(b":") != _colons(value):
            _STRICT.decode(text.decode())
    except (orjson.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest(400, "This is not JSON in UTF-8.") from None
    return value


def _colons(value: Any) -> int:
    """Return how many colons of its text a value accounts for: one for each name, and those in strings.

    Where that is all of them, no name was there twice: the first one would be missing in the value, and its colon left
    over. Where it is not, nothing is said yet: a name may hold a colon as well. An escaped colon would be counted here
    and not in the text.
    """
    if value.__class__ is str:  # orjson makes nothing else than these classes
        colons: int = value.count(":")
        return colons
    if value.__class__ is dict:
        return len(value) + sum([_colons(one) for one in value.values()])
    return sum(map(_colons, value)) if value.__class__ is list else 0


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        raise BadRequest(400, "A JSON object has a name twice.")


# orjson has judged numbers and strings already; this one looks at names alone, and keeps nothing.
_STRICT = json.JSONDecoder(object_pairs_hook=_once, parse_int=len, parse_float=len)


def asked(parameters: Any) -> GraphQLRequest:
    """Return the request that parameters make.

    Raises:
        BadRequest: they ask for nothing that could be executed.
    """
    if isinstance(parameters, list):
        raise BadRequest(400, "Batches are not taken: send one operation a request.")
    if not isinstance(parameters, dict):
        raise BadRequest(400, "Expected a JSON object with a query.")
    query, variables = parameters.get("query"), parameters.get("variables")
    name = parameters.get("operationName")
    if variables is not None and not isinstance(variables, dict):
        raise BadRequest(400, "variables must be an object.")
    if name is not None and not isinstance(name, str):
        raise BadRequest(400, "operationName must be a string.")
    hash_ = _hash(parameters.get("extensions"))
    id_ = hash_ or _text(parameters, "documentId")
    if query is None and id_:
        return GraphQLRequest(None, variables, name or None, id_, hashed=hash_ is not None)
    if not isinstance(query, str) or not query or query.isspace():
        raise BadRequest(400, "The query is missing.")
    return GraphQLRequest(query, variables, name or None, id_, hashed=hash_ is not None)


def _text(parameters: Mapping[str, Any], name: str) -> str | None:
    value = parameters.get(name)
    if value is not None and (not isinstance(value, str) or not 0 < len(value) <= HASH_LENGTH_MAX):
        raise BadRequest(400, f"{name} must be a string of at most {HASH_LENGTH_MAX} characters.")
    return value


def _hash(extensions: Any) -> str | None:
    """Return the hash of Apollo's `extensions.persistedQuery`, None where there is none."""
    if extensions is None:
        return None
    if not isinstance(extensions, dict):
        raise BadRequest(400, "extensions must be an object.")
    persisted = extensions.get("persistedQuery")
    if persisted is None:
        return None
    if not isinstance(persisted, dict) or persisted.get("version") != 1 or not persisted.get("sha256Hash"):
        raise BadRequest(400, "extensions.persistedQuery must have version 1 and a sha256Hash.")
    return _text(persisted, "sha256Hash")
