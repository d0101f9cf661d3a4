"""Whether the process lives, and whether it should be sent requests."""

from pymongo.errors import PyMongoError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from store.client import Database
from store.migrations import missing

READY_SECONDS = 1.0


async def live(_: Request) -> Response:
    """Answer; whoever cannot is to be started again. MongoDB is not asked: a new start would not mend it."""
    return JSONResponse({"status": "live"})


async def ready(request: Request) -> Response:
    """Say whether to send requests: a primary answers within a second and is migrated, the process is not leaving."""
    if getattr(request.app.state, "draining", False):
        return JSONResponse({"status": "draining"}, status_code=503)
    database: Database = request.app.state.database
    try:
        with database.within(READY_SECONDS):
            behind = await missing(database)
    except PyMongoError:
        return JSONResponse({"status": "no database"}, status_code=503)
    if behind:
        return JSONResponse({"status": "not migrated"}, status_code=503)
    return JSONResponse({"status": "ready"})


ROUTES = [Route("/health/live", live), Route("/health/ready", ready)]
