"""Logs say where an exception came from and never what it said."""

import json
import logging

import pytest
import structlog
from pymongo.errors import DuplicateKeyError

from api.logs import exception_without_text
from tests.api.logged import configured


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
    with configured(environment="production"):
        structlog.get_logger().error("internal_error", error_id="e1", exc_info=raised())

    written = capsys.readouterr()
    assert written.out == ""
    line = json.loads(written.err)
    assert (line["event"], line["error_id"], line["level"]) == ("internal_error", "e1", "error")
    assert "ann@example.com" not in written.err


def test_in_development_a_line_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    with configured():
        structlog.get_logger().error("internal_error", error_id="e1", exc_info=raised())

    lines = capsys.readouterr().err.splitlines()
    assert "internal_error" in lines[0]
    assert "error_id=e1" in lines[0]
    assert [line for line in lines if "DuplicateKeyError 11000" in line]
    assert "ann@example.com" not in "".join(lines)


def test_what_libraries_log_is_told_without_what_they_filled_in(capsys: pytest.CaptureFixture[str]) -> None:
    with configured(environment="production"):
        try:
            raise DuplicateKeyError("ann@example.com", 11000)
        except DuplicateKeyError as error:
            logging.getLogger("uvicorn.error").error("No way to %s\nof %s", "ann@example.com", "a task", exc_info=error)
        logging.getLogger("pymongo.command").info("find %s", "ann@example.com")

    written = capsys.readouterr().err
    (line,) = map(json.loads, written.splitlines())
    assert (line["event"], line["logger"], line["pattern"]) == ("library", "uvicorn.error", "No way to %s")
    assert line["exception"][0]["type"] == "pymongo.errors.DuplicateKeyError"
    assert "ann@example.com" not in written


@pytest.mark.parametrize(("level", "events"), [("debug", 3), ("info", 2), ("warning", 1)])
def test_the_level_is_a_setting(capsys: pytest.CaptureFixture[str], level: str, events: int) -> None:
    with configured(environment="production", log_level=level):
        structlog.get_logger().debug("probe")
        structlog.get_logger().info("request")
        structlog.get_logger().warning("trouble")

    assert len(capsys.readouterr().err.splitlines()) == events
