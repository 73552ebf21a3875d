"""The router as an HTTP server: `python -m lambdas.router`, on a laptop and under the Lambda Web Adapter alike.

Environment: HOST (127.0.0.1), PORT (8080), ROUTE_TABLE_PATH, and whatever AWS's credential chain reads. It opens no
connection before a request needs one, and ends after SIGTERM or SIGINT when the requests under way are answered.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable

from lambdas.router.http.server import HttpServer
from lambdas.router.web import RouterApp

DRAIN_S = 25.0  # for the requests under way; a container platform kills after 30 s


def main() -> int:
    """Serve until told to end. The exit code is 0 then, 2 when it cannot begin to."""
    host, port = os.environ.get("HOST") or "127.0.0.1", os.environ.get("PORT") or "8080"
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(serve(host, _port(port)))
    except ValueError as error:  # a variable that is wrong
        sys.stderr.write(f"error: the router cannot start: {error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(
            f"error: the router cannot listen at HOST {host}, PORT {port}: {error.strerror or error}\n"
        )
        return 2
    return 0


async def serve(host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT. Raises OSError when the address cannot be had."""
    router = RouterApp()
    router.prepare()
    server = HttpServer(router.app())
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        server.loop.add_signal_handler(number, stop.set)
    bound = await server.listen(host, port)
    # What is there now stays: no collection need look at it again. Requests leave hardly any cycles behind, so that
    # looking for them after every few hundred objects would only cost time. Failures do leave some: what waits to be
    # found is memory, and holes in it, so that all of it is looked at before long.
    gc.freeze()
    gc.set_threshold(5_000, 5, 5)
    gc.enable()
    sys.stderr.write(f"the router listens on http://{host}:{bound}\n")
    sys.stderr.flush()
    await stop.wait()
    await server.drain(DRAIN_S)
    await router.close()


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) < 65_536:
        raise ValueError(f"PORT is {text!r:.40}, allowed: 0 (any that is free) to 65535")
    return int(text)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed: more requests per second. A Lambda, which has one at a time, does without."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
