"""The shop of the tests that run commands within their own process, and how they run one."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from click.testing import Result

from api.cli.runtime import run_in_shop
from api.settings import Settings
from services.context import Shop

T = TypeVar("T")
SECRET = "a secret of this test, long enough"
PROVIDER = {"CRM_JWT_ISSUER": "https://id.example.com", "CRM_JWT_AUDIENCE": "shop"}
Crm = Callable[..., Result]


def in_shop(environ: dict[str, str], work: Callable[[Shop], Awaitable[T]]) -> T:
    """Open the shop that an environment names, and work in it."""
    return asyncio.run(run_in_shop(Settings.from_environ(environ), lambda shop, _: work(shop)))
