"""`/_adept/faults`: GET says which faults are in force, PUT replaces them, DELETE ends them. See `faults`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from endpoints.errors import LocalError
from endpoints.local.faults import Faults

FAULTS_PATH = "/_adept/faults"


async def answer_faults(faults: Faults, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the faults that are in force afterwards; 400 says what cannot be understood."""
    response = await _answer(faults, Request(scope, receive))
    await response(scope, receive, send)


async def _answer(faults: Faults, request: Request) -> JSONResponse:
    try:
        if request.method == "PUT":
            faults.put(await request.json())
        elif request.method == "DELETE":
            faults.put({})
        elif request.method != "GET":
            return JSONResponse({"message": "Method not allowed"}, 405, {"allow": "GET, PUT, DELETE"})
    except (ValueError, LocalError) as error:
        return JSONResponse({"message": str(error)}, 400)
    return JSONResponse(faults.document)
