"""Errors outside GraphQL: the same JSON, with a code, for a path, a method or a fault that no operation belongs to."""

from collections.abc import Mapping

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

CODES = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
MASKED = "Something went wrong here; it was logged."


def error_response(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return one error as GraphQL clients read it."""
    body = {"errors": [{"message": message, "extensions": {"code": code}}]}
    return Response(orjson.dumps(body), status, headers, media_type="application/json; charset=utf-8")


async def _refused(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    code = CODES.get(problem.status_code, "BAD_REQUEST")
    return error_response(problem.status_code, code, f"{problem.detail}.", problem.headers)


async def _failed(_: Request, __: Exception) -> Response:
    return error_response(500, "INTERNAL", MASKED)


HANDLERS: Mapping[type[Exception] | int, ExceptionHandler] = {HTTPException: _refused, Exception: _failed}
"""For Starlette, which logs what it gives to the second."""
