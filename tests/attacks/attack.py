"""What an attack is: a request, how it has to be answered, and how many plain queries its answer may cost."""

from dataclasses import dataclass, field
from typing import Any

import orjson

REFUSED = "GRAPHQL_VALIDATION_FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One request.

    Args:
        query, variables: the operation, unless `body` says what is sent byte for byte.
        codes: how it may be answered; empty where it is harmless and simply answered.
        times: CPU of the service, as a multiple of a plain query's.
        fresh: whether its document is made anew for every try, so that no memory of it helps.
    """

    query: str = ""
    variables: dict[str, Any] | None = None
    body: bytes | None = None
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] | None = None
    codes: frozenset[str] = frozenset({REFUSED})
    times: float = 20
    fresh: bool = True

    def content(self, number: int) -> bytes:
        """Return the body of one try."""
        if self.body is not None or self.method != "POST":
            return self.body or b""
        mark = f" #{number}" if self.fresh else ""
        return orjson.dumps({"query": self.query + mark, "variables": self.variables})
