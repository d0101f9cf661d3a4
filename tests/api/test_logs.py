"""Logs say where an exception came from and never what it said."""

import json

import pytest
import structlog
from pymongo.errors import DuplicateKeyError

from api import logs
from api.logs import exception_without_text


def raised() -> BaseException:
    try:
        try:
            raise DuplicateKeyError('dup key: { _id: "email:ann@example.com" }', 11000)
        except DuplicateKeyError as cause:
            raise RuntimeError("ann@example.com is there already") from cause
    except RuntimeError as error:
        return error


def test_an_exception_is_told_by_type_code_and_place_with_its_cause() -> None:
    event = exception_without_text(None, "error", {"event": "internal_error", "exc_info": raised()})

    outer, inner = event["exception"]
    assert (outer["type"], inner["type"]) == ("builtins.RuntimeError", "pymongo.errors.DuplicateKeyError")
    assert inner["code"] == 11000
    assert outer["at"][0].endswith(" raised")
    assert "ann@example.com" not in json.dumps(event)


def test_a_line_without_an_exception_is_left_as_it_is() -> None:
    assert exception_without_text(None, "info", {"event": "jwks_changed"}) == {"event": "jwks_changed"}


def test_a_logged_line_is_one_json_object_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    structlog.get_logger().error("internal_error", error_id="e1", exc_info=raised())
    structlog.reset_defaults()

    written = capsys.readouterr()
    assert written.out == ""
    line = json.loads(written.err)
    assert (line["event"], line["error_id"], line["level"]) == ("internal_error", "e1", "error")
    assert "ann@example.com" not in written.err
