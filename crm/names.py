"""Names as they are in Python and as clients see them."""

from functools import lru_cache


@lru_cache(maxsize=1024)  # the names of fields and arguments: always the same few
def camel(name: str) -> str:
    """Return a name of Python's, such as first_name, as GraphQL has it: firstName."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
