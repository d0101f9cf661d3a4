"""JSON as it came: read once, and refused where an object has a name twice, wherever and however it is written."""

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.requests import BadRequest, parsed

NAMES = st.text(alphabet='ab:"\\', max_size=2)
LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.text(alphabet=':"\\a{,\u003a\u00e9', max_size=4)
Pairs = list[tuple[str, Any]]
OBJECTS: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inside: st.lists(inside, max_size=3) | st.lists(st.tuples(NAMES, inside), max_size=4).map(tuple)
)
"""Objects are tuples of their pairs, so that a name can be there twice."""


def written(value: Any, how: Random) -> str:
    """Return a value as JSON, with blanks and escapes where they may be."""
    blank = how.choice(["", " ", "\n"])
    if isinstance(value, tuple):
        pairs = [f"{text_of(name, how)}{blank}:{blank}{written(inside, how)}" for name, inside in value]
        return "{" + f"{blank},".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(written(one, how) for one in value) + "]"
    return text_of(value, how) if isinstance(value, str) else json.dumps(value)


def text_of(text: str, how: Random) -> str:
    escaped = json.dumps(text)
    return escaped.replace(":", "\\u003A") if how.random() < 0.5 else escaped


def names_twice(value: Any) -> bool:
    if isinstance(value, tuple):
        return len({name for name, _ in value}) < len(value) or any(names_twice(inside) for _, inside in value)
    return isinstance(value, list) and any(map(names_twice, value))


def plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return {name: plain(inside) for name, inside in value}
    return [plain(one) for one in value] if isinstance(value, list) else value


@settings(deadline=None)
@given(value=OBJECTS, seed=st.integers(0, 999))
def test_a_name_that_is_there_twice_is_found_and_nothing_else_is(value: Any, seed: int) -> None:
    text = written(value, Random(seed)).encode()

    if names_twice(value):
        with pytest.raises(BadRequest, match="a name twice"):
            parsed(text)
    else:
        assert parsed(text) == plain(value)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": "\\u003a"}',
        '{"a": 1, "a": "\\u003A:"}',
        '{"a" :1,"a":":x"}',
        '{"a": ":", "a": ""}',
        '{":": 1, ":": 2}',
        '{"a": 1, "\\u0061": 2}',
        '[{"a": {"b": 1, "b": 1}}, "::"]',
    ],
)
def test_no_colon_makes_up_for_a_name_that_is_there_twice(text: str) -> None:
    with pytest.raises(BadRequest, match="a name twice"):
        parsed(text.encode())


@pytest.mark.parametrize("depth", [1500, 5000])
def test_what_is_nested_beyond_all_measure_is_refused(depth: int) -> None:
    with pytest.raises(BadRequest, match="not JSON"):
        parsed(b'{"a":' * depth + b"1" + b"}" * depth)
