"""The mongod that is started: the one on the path, the packaged one, or a sentence that says what is missing."""

import importlib.util
import os
from pathlib import Path

import pytest

from store.embedded import EmbeddedError, find_mongod


def test_a_missing_mongod_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EmbeddedError, match=r"^No mongod was found: install MongoDB .* CRM_MONGODB_URI .*\.$"):
        find_mongod()


def test_the_mongod_on_the_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = _program(tmp_path / "mongod", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_mongod() == ours


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        (
            "echo 'mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file: No such"
            " file or directory' >&2; exit 127",
            r"^mongod needs libcurl.so.4; on Debian or Ubuntu: apt-get install libcurl4$",
        ),
        (
            "echo 'mongod: error while loading shared libraries: libx.so.1: cannot open it' >&2; exit 127",
            r"^mongod needs libx.so.1; install the package that holds it$",
        ),
        ("kill -ILL $$", r"does not run on this processor: MongoDB 5 and later need AVX\.$"),
        (
            "echo 'version GLIBC_2.99 not found' >&2; exit 1",
            r"does not run on this system: version GLIBC_2\.99 not found",
        ),
    ],
)
def test_a_mongod_that_does_not_run_here_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, sentence: str
) -> None:
    _program(tmp_path / "mongod", script)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmbeddedError, match=sentence):
        find_mongod()


def test_the_packaged_mongod_is_made_executable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = _program(tmp_path / "db" / "bin" / "mongod", "exit 0")
    packaged.chmod(0o644)
    spec = type("Spec", (), {"submodule_search_locations": [str(tmp_path)]})
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)

    assert find_mongod() == packaged
    assert os.access(packaged, os.X_OK)


def _program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path
