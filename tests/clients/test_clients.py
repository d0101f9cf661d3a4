"""Real clients in Node against a served instance: see README.md beside this file."""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from crm.values import Role
from tests.api.http_answers import create
from tests.api.listening import listening
from tests.api.serving import settings

HERE = Path(__file__).parent
SCHEMA = HERE.parent.parent / "schema" / "schema.graphql"
INSTALLED = HERE / "node_modules" / ".lock-hash"
INSTALL_SECONDS, SECONDS = 300, 120
CUSTOMERS = 5


def node(*words: str) -> list[str]:
    """Return a command of Node's."""
    path = shutil.which(words[0])
    if path is None:
        pytest.fail(f"These tests need Node 20 or newer with npm: there is no `{words[0]}` on the PATH.")
    return [path, *words[1:]]


def run(seconds: float, *words: str) -> None:
    done = subprocess.run(node(*words), check=False, cwd=HERE, capture_output=True, text=True, timeout=seconds)
    if done.returncode:
        pytest.fail(f"`{' '.join(words)}` failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


@pytest.fixture(scope="session")
def packages() -> None:
    """Install what the lock names, unless it is there already."""
    version = subprocess.run(node("node", "--version"), capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < 20:
        pytest.fail(f"These tests need Node 20 or newer, and here is {version}.")
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    if INSTALLED.exists() and INSTALLED.read_text(encoding="ascii") == wanted:
        return
    run(INSTALL_SECONDS, "npm", "ci", "--ignore-scripts")
    INSTALLED.write_text(wanted, encoding="ascii")


@pytest.fixture(scope="session")
def generated(packages: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the build of an app generates; `documents.json` joins the lists of codegen and of Relay."""
    folder = tmp_path_factory.mktemp("generated")
    run(SECONDS, "node", "generate.js", str(SCHEMA), str(folder))
    lists = [folder / "codegen" / "generated" / "persisted-documents.json", folder / "relay" / "persisted.json"]
    documents = {id_: text for one in lists for id_, text in json.loads(one.read_text(encoding="utf-8")).items()}
    (folder / "documents.json").write_text(json.dumps(documents), encoding="utf-8")
    return folder


@pytest_asyncio.fixture(scope="session")
async def told(mongodb_uri: str, driver: str, generated: Path) -> AsyncIterator[Path]:
    """Serve one instance twice, once with trusted documents, and write down what the clients need to know of it."""
    open_ = settings(mongodb_uri, driver, mongodb_database="tests_clients")
    bound = open_.model_copy(update={"trusted_documents": generated / "documents.json"})
    async with listening(open_) as one, listening(bound) as other:
        for name in ("customers", "keys", "loyalty_accounts", "purchases"):
            await one.served.app.state.database[name].delete_many({})
        customers = [await create(one.served, email=f"client-{number}@example.com") for number in range(CUSTOMERS)]
        path = generated / "served.json"
        path.write_text(
            json.dumps(
                {
                    "url": one.url,
                    "trustedUrl": other.url,
                    "customer": customers[0],
                    "token": one.served.token(customers[0]),
                    "keys": {role.value: one.served.keys[role] for role in (Role.STAFF, Role.POS)},
                    "generated": str(generated),
                }
            ),
            encoding="utf-8",
        )
        yield path


@pytest.mark.parametrize("name", sorted(path.name for path in HERE.glob("*.test.js")))
async def test_the_client_is_served(told: Path, name: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *node("node", "--test", "--test-reporter=tap", name),
        cwd=HERE,
        env={**os.environ, "CRM_SERVED": str(told)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, output.decode()


@pytest.mark.parametrize("name", ["package.json", "package-lock.json"])
def test_the_lock_names_no_host_to_download_from(name: str) -> None:
    assert "://" not in (HERE / name).read_text(encoding="utf-8")
