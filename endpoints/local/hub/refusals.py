"""How the Hub says no: a status, a code in `X-Error-Code`, words in `X-Error-Message` and in the body."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response


class HubRefusal(Exception):
    """`code` is one of the Hub's: RepoNotFound, RevisionNotFound, EntryNotFound, GatedRepo; None without one."""

    def __init__(
        self, status: int, code: str | None, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    def answer(self) -> Response:
        code = {"X-Error-Code": self.code} if self.code else {}
        headers = {**code, "X-Error-Message": self.message, **self.headers}
        return JSONResponse({"error": self.message}, self.status, headers)


async def answer_refusal(_: Request, refusal: Exception) -> Response:
    """Starlette's handler of `HubRefusal`."""
    assert isinstance(refusal, HubRefusal)  # noqa: S101 -- registered for nothing else
    return refusal.answer()
