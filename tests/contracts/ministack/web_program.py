#!/usr/bin/env python3
"""A function as an HTTP server, standard library only: packed as it is, and run by the embedded AWS.

It does what its paths say. `/release` lets `/steps` go on; `/left` tells how many callers left `/endless` or `/wait`.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RELEASED = threading.Event()
LEFT: list[str] = []
PATIENCE_S = 20


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    body = b""

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = self.path.partition("?")[0]
        {
            "/health": self.echo,
            "/steps": self.steps,
            "/slowly": self.slowly,
            "/release": self.release,
            "/endless": self.endless,
            "/wait": self.wait,
            "/left": self.left,
            "/cut": self.cut,
            "/die": self.die,
            "/teapot": self.teapot,
        }.get(path, self.echo)()

    def echo(self) -> None:
        document = {
            "method": self.command,
            "target": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": self.body.decode(),
            "environment": {name: os.environ.get(name) for name in (*NAMES, "GREETING")},
            "pid": os.getpid(),
        }
        self.answer(200, json.dumps(document).encode(), ("set-cookie", "a=1"), ("set-cookie", "b=2"))

    def steps(self) -> None:
        RELEASED.clear()
        self.begin()
        self.chunk(b"one\n")
        assert RELEASED.wait(PATIENCE_S)
        self.chunk(b"two\n")
        self.chunk(b"")

    def slowly(self) -> None:
        self.begin()
        self.chunk(b"one\n")
        time.sleep(1)
        self.chunk(b"two\n")
        self.chunk(b"")

    def release(self) -> None:
        RELEASED.set()
        self.answer(200, b"released")

    def endless(self) -> None:
        self.begin()
        try:
            for number in range(PATIENCE_S * 100):
                self.chunk(b"%d\n" % number)
                time.sleep(0.01)
        except OSError:
            LEFT.append("endless")

    def wait(self) -> None:
        for _ in range(PATIENCE_S * 100):
            time.sleep(0.01)
            try:
                if self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b"":
                    LEFT.append("wait")
                    return
            except BlockingIOError:
                pass
        self.answer(200, b"nobody left")

    def left(self) -> None:
        self.answer(200, json.dumps(LEFT).encode())

    def cut(self) -> None:
        self.begin()
        self.chunk(b"half of ")
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def die(self) -> None:
        os._exit(3)

    def teapot(self) -> None:
        self.answer(418, b"short and stout")

    def begin(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("content-length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        sys.stdout.write(f"answered {self.path}\n")
        sys.stdout.flush()


NAMES = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_LAMBDA_FUNCTION_NAME", "PYTHONPATH")

if __name__ == "__main__":
    if os.environ.get("GREETING") == "refuse":
        sys.exit("this configuration is refused")
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
    server.daemon_threads = True
    server.serve_forever(poll_interval=0.02)
