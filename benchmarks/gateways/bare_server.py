"""The router's HTTP server with a fixed answer: the place of the router's `__main__` in `benchmarks/cold_start.py`."""

from __future__ import annotations

import asyncio
import os

from lambdas.router.http.server import App, HttpServer
from lambdas.router.messages import Response

ANSWER = Response(200, b'{"choices": []}', {"content-type": "application/json"})


async def main() -> None:
    async def answer(_: object) -> Response:
        return ANSWER

    server = HttpServer(App(answer, lambda refused: Response(refused.status), lambda: 1 << 20, print))
    await server.listen("127.0.0.1", int(os.environ["PORT"]))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
