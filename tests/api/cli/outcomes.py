"""What a command that ran within this process said: to another program, or to a person."""

import json
from typing import Any

from click.testing import Result


def said(result: Result) -> Any:
    """Return the one JSON object that a command printed for another program."""
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return json.loads(result.stdout)


def refused(result: Result, code: int = 1) -> str:
    """Return what a command complained of on standard error, one line of it."""
    assert (result.exit_code, result.stdout) == (code, ""), result.output
    assert "Traceback" not in result.stderr
    assert code == 2 or result.stderr.count("\n") == 1
    return result.stderr.strip()
