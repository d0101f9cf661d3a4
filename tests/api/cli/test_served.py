"""A process that serves, before its first request."""

import subprocess
import sys

STARTED = """
import asyncio, gc
from graphql import GraphQLSchema
from api.cli.served import app

async def main():
    app()
    looked_at = [one for one in gc.get_objects() if isinstance(one, GraphQLSchema)]
    print(len(looked_at), gc.get_freeze_count() > 50_000)

asyncio.run(main())
"""


def test_the_garbage_collector_does_not_look_at_the_schema_again_and_again() -> None:
    environ = {"CRM_MONGODB_URI": "mongodb://127.0.0.1:1", "CRM_SECRET": "s" * 40}

    started = subprocess.run([sys.executable, "-c", STARTED], env=environ, capture_output=True, text=True, check=True)

    assert started.stdout == "0 True\n"
