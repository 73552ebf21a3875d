"""The local Hub and its CDN in a process of their own: `python -m benchmarks.weights.hub SETTINGS`.

Prints the Hub's address on a line, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from benchmarks.weights.repository import REPO_ID, REVISION
from endpoints.local.hub import HubRepository, HubServer, Pace

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class HubSettings:
    """The program's argument, as JSON. The limits are those of each connection; None: as fast as it goes."""

    folder: str
    latency_s: float
    bytes_per_s: float | None


@contextmanager
def running_hub(settings: HubSettings) -> Iterator[str]:
    """The address of a Hub with the repository."""
    command = [sys.executable, "-m", "benchmarks.weights.hub", json.dumps(asdict(settings))]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            sys.exit("the local Hub did not start")
        try:
            yield url
        finally:
            process.kill()


async def main() -> None:
    settings = HubSettings(**json.loads(sys.argv[1]))
    repository = HubRepository(REPO_ID, {REVISION: Path(settings.folder)})
    repository.files(REVISION)  # hashed now, not while somebody is measured
    server = HubServer([repository], pace=Pace(settings.latency_s, settings.bytes_per_s))
    with ExitStack() as stack:
        cdn, hub = (stack.enter_context(_listener()) for _ in range(2))
        server.cdn_url = _url(cdn)
        serving = [asyncio.create_task(_serve(app, on)) for app, on in ((server.cdn, cdn), (server.hub, hub))]
        print(_url(hub), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        for each in serving:
            each.cancel()


def _listener() -> socket.socket:
    # With the protocol named, asyncio switches Nagle's algorithm off on what it accepts.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    return listener


def _url(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


async def _serve(app: ASGIApp, listener: socket.socket) -> None:
    await uvicorn.Server(uvicorn.Config(app, log_level="critical", ws="none")).serve([listener])


if __name__ == "__main__":
    asyncio.run(main())
