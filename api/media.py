"""Media types: what a client takes, read off its Accept header, and the one type it is answered in."""

from dataclasses import dataclass
from functools import lru_cache

JSON, GRAPHQL_JSON, EVENT_STREAM = "application/json", "application/graphql-response+json", "text/event-stream"
_ANY = ("*/*", "application/*")


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a client takes: `answer` is the JSON type for a single answer, None where it takes neither.

    `stream` says that it names text/event-stream. A wildcard does not: whoever sends one expects an answer that ends.
    """

    answer: str | None
    stream: bool

    @property
    def nothing(self) -> bool:
        """Whether the client takes nothing that is made here."""
        return self.answer is None and not self.stream


@lru_cache(maxsize=128)  # clients send one of very few
def accepted(header: str | None) -> Accepted:
    """Return what an Accept header takes (RFC 9110, section 12.5.1): the greatest q wins, of equal ones the first."""
    if header is None:
        return Accepted(JSON, stream=False)
    wanted = [_weighed(part) for part in header.split(",")]
    taken = [name for name, weight in sorted(wanted, key=lambda one: -one[1]) if weight > 0]
    named = [name for name in taken if name in (JSON, GRAPHQL_JSON)]
    refused = {name for name, weight in wanted if weight <= 0}
    by_wildcard = JSON if any(name in _ANY for name in taken) and JSON not in refused else None
    return Accepted(named[0] if named else by_wildcard, stream=EVENT_STREAM in taken)


def _weighed(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    weight = next((parameter[2:] for parameter in parameters if parameter.startswith("q=")), "1")
    try:
        return name, float(weight)
    except ValueError:
        return name, 1.0
