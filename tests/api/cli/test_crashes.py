"""SIGKILL at random moments under load: what was acknowledged is there once, and what was not is made good by retries.

Three rounds, one for each process that can die; `make crash` does as many as you like.
"""

from pathlib import Path

from bench.crashes import VICTIMS, crash

SEED = 20_261_121


def test_killing_api_server_and_mongod_loses_and_doubles_nothing(tmp_path: Path) -> None:
    outcome = crash(tmp_path, rounds=len(VICTIMS), seed=SEED)

    assert outcome.problems == []
    assert outcome.killed == dict.fromkeys(VICTIMS, 1)
    assert outcome.acknowledged > 50
