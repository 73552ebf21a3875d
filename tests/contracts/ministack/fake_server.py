"""The real server process over a container host that starts nothing real.

A container whose environment says `FAIL` is refused, and one with `SLOW` takes that many seconds. Each answers
`/ping` and `/invocations` from a thread of the server process.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

from endpoints.errors import ContainerFailed
from endpoints.local.containers import ContainerSpec, RunningContainer
from endpoints.local.embedded_aws import serve
from endpoints.local.server_arguments import parse


class EchoHandler(BaseHTTPRequestHandler):
    """Answers with the path it was asked under, so that it can be seen which container answered."""

    def do_GET(self) -> None:
        self._answer({"path": self.path})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self._answer({"path": self.path, "body": body.decode()})

    def _answer(self, document: dict[str, str]) -> None:
        content = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the library's name
        """Be quiet."""


class EchoHost:
    """A ContainerHost whose containers are paths of one HTTP server."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), EchoHandler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._running: set[str] = set()
        self._numbers = count(1)

    def start(self, spec: ContainerSpec, *, timeout_s: float) -> RunningContainer:  # noqa: ARG002 -- the seam's
        if "FAIL" in spec.environment:
            raise ContainerFailed(f"the model of {spec.variant_name} said: {spec.environment['FAIL']}")
        time.sleep(float(spec.environment.get("SLOW", 0)))
        container_id = f"{spec.variant_name}-{next(self._numbers)}"
        self._running.add(container_id)
        port = self._server.server_address[1]
        return RunningContainer(container_id, f"http://127.0.0.1:{port}/containers/{container_id}")

    def stop(self, container_id: str) -> None:
        self._running.discard(container_id)

    def is_healthy(self, container_id: str) -> bool:
        return container_id in self._running

    def close(self) -> None:
        self._server.shutdown()


def main() -> int:
    serve(parse().settings, EchoHost)
    return 0


if __name__ == "__main__":
    sys.exit(main())
