"""A container host whose containers are scripted, and the loopback HTTP server that plays all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from endpoints.errors import ContainerFailed
from endpoints.local.containers import ContainerSpec, RunningContainer

Behaviour = Callable[["Call"], None]


class Call:
    """One request to `/invocations`, as a behaviour sees it: it reads `body` and `headers` and answers."""

    def __init__(self, handler: BaseHTTPRequestHandler, container_id: str, body: bytes) -> None:
        self._handler = handler
        self.container_id = container_id
        self.body = body
        self.headers = dict(handler.headers.items())

    def answer(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.begin(status, {"Content-Length": str(len(body))} | (headers or {}))
        self.write(body)

    def begin(self, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._handler.send_response(status)
        for name, value in (headers or {}).items():
            self._handler.send_header(name, value)
        self._handler.end_headers()

    def write(self, data: bytes) -> None:
        self._handler.wfile.write(data)

    def chunk(self, data: bytes) -> None:
        self._handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self._handler.wfile.flush()

    def hang_up(self) -> None:
        self._handler.close_connection = True
        self._handler.connection.shutdown(2)


def answer_who(call: Call) -> None:
    """The default behaviour: the container says its id."""
    call.answer(call.container_id.encode(), headers={"Content-Type": "text/plain"})


@dataclass
class FakeHost:
    """`ContainerHost` whose starts, healths and answers the test decides, by variant name."""

    port: int
    behaviour: Behaviour = answer_who
    refuse: set[str] = field(default_factory=set)  # images that do not come up
    hold: threading.Event = field(default_factory=threading.Event)  # starts wait while it is clear
    running: dict[str, ContainerSpec] = field(default_factory=dict)
    unhealthy: set[str] = field(default_factory=set)
    started: list[ContainerSpec] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    timeouts_s: list[float] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.hold.set()

    def start(self, spec: ContainerSpec, *, timeout_s: float) -> RunningContainer:
        assert self.hold.wait(10), "the test holds the start for too long"
        with self._lock:
            self.started.append(spec)
            self.timeouts_s.append(timeout_s)
            if spec.image in self.refuse:
                raise ContainerFailed(f"{spec.image} refuses to start")
            container_id = f"{spec.variant_name}-{len(self.started)}"
            self.running[container_id] = spec
        return RunningContainer(container_id, f"http://127.0.0.1:{self.port}/containers/{container_id}")

    def stop(self, container_id: str) -> None:
        with self._lock:
            self.running.pop(container_id, None)
            self.stopped.append(container_id)

    def is_healthy(self, container_id: str) -> bool:
        return container_id in self.running and container_id not in self.unhealthy

    def close(self) -> None:
        self.running.clear()

    def specs(self, variant_name: str) -> list[ContainerSpec]:
        return [spec for spec in self.running.values() if spec.variant_name == variant_name]


@contextmanager
def fake_host(kind: type[FakeHost] = FakeHost) -> Iterator[FakeHost]:
    """A host and the server of its containers; a stopped container's connections are refused by a hang-up."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.daemon_threads = True
    host = kind(server.server_address[1])
    server.RequestHandlerClass = _handler_of(host)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _handler_of(host: FakeHost) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # headers and body are written apart: without this, 40 ms each

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            _, _, container_id, action = self.path.split("/")
            call = Call(self, container_id, body)
            if action != "invocations" or container_id not in host.running:
                call.hang_up()
                return
            host.behaviour(call)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class names it so
            """Quiet."""

    return Handler
