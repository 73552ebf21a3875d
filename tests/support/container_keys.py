"""What a container, or Lambda with SnapStart, asks for its role's keys, on a loopback port."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

_TOKEN = "of-the-container"
_LAST = timedelta(hours=1)


class ContainerKeys:
    """Each answer has new keys: `key-1`, `key-2`. `environ` is what tells a process of it."""

    def __init__(self) -> None:
        self.asked = 0
        keys = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                keys.asked += 1
                document = {
                    "AccessKeyId": f"key-{keys.asked}",
                    "SecretAccessKey": "s",
                    "Token": "t",
                    "Expiration": f"{datetime.now(UTC) + _LAST:%Y-%m-%dT%H:%M:%SZ}",
                }
                self.send_response(200 if self.headers["Authorization"] == _TOKEN else 403)
                self.end_headers()
                self.wfile.write(json.dumps(document).encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.environ = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{self.server.server_port}/keys",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": _TOKEN,
        }


@contextmanager
def container_keys() -> Iterator[ContainerKeys]:
    """Serve until the block ends."""
    keys = ContainerKeys()
    thread = threading.Thread(target=keys.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield keys
    finally:
        keys.server.shutdown()
        keys.server.server_close()
        thread.join()
