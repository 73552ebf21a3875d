"""The embedded SageMaker on a loopback port, with containers that a test scripts."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import uvicorn

from endpoints.local.autoscaling import ApplicationAutoScaling
from endpoints.local.containers import ContainerSpec, RunningContainer
from endpoints.local.sagemaker import SageMaker
from endpoints.local.sagemaker.asgi import create_app

REGION = "us-east-1"


@dataclass(frozen=True)
class Reply:
    """What a container answers. A stream is sent in chunks; `cut` hangs up before its last chunk."""

    body: bytes
    status: int = 200
    stream: bool = False
    cut: bool = False


Script = Callable[[str], Reply]  # variant name -> its answer


class ScriptedHost:
    """A `ContainerHost` whose containers are paths of one HTTP server: `/<variant>/invocations`."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def start(self, spec: ContainerSpec, *, timeout_s: float) -> RunningContainer:
        assert timeout_s > 0
        url = f"http://127.0.0.1:{self._server.server_port}/{spec.variant_name}"
        return RunningContainer(spec.variant_name, url)

    def stop(self, container_id: str) -> None:
        """Containers hold nothing."""

    def is_healthy(self, container_id: str) -> bool:
        return bool(container_id)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                reply = host.script(self.path.split("/")[1])
                self.send_response(reply.status)
                self.send_header("Content-Type", "text/event-stream" if reply.stream else "application/json")
                self.send_header("Content-Length", str(len(reply.body) + (1 if reply.cut else 0)))
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                pass

        return Handler


@dataclass(frozen=True)
class Embedded:
    """A running embedded SageMaker."""

    url: str
    host: ScriptedHost
    sagemaker: SageMaker

    def deploy(self, *variants: str, endpoint: str = "chat") -> None:
        """Put an endpoint with these variants in service."""
        call = self.sagemaker.call
        call("CreateModel", {"ModelName": "m", "PrimaryContainer": {"Image": "tgi:1"}})
        production = [
            {"VariantName": name, "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.g5.xlarge"}
            for name in variants
        ]
        call("CreateEndpointConfig", {"EndpointConfigName": "c", "ProductionVariants": production})
        call("CreateEndpoint", {"EndpointName": endpoint, "EndpointConfigName": "c"})
        assert self.sagemaker.wait_until_settled(endpoint, timeout_s=10) == "InService"


@contextmanager
def embedded_sagemaker(script: Script) -> Iterator[Embedded]:
    """Serve until the block ends."""
    host = ScriptedHost(script)
    sagemaker = SageMaker(host, account="000000000000", region=REGION)
    autoscaling = ApplicationAutoScaling(sagemaker)
    config = uvicorn.Config(
        create_app(sagemaker, autoscaling), log_level="error", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        _wait_for(lambda: server.started)
        yield Embedded(f"http://127.0.0.1:{listener.getsockname()[1]}", host, sagemaker)
        server.should_exit = True
        thread.join(5)
    autoscaling.close()
    sagemaker.close()
    host.close()


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline_s, "the embedded SageMaker did not start"
        time.sleep(0.01)


def completion(text: str) -> Reply:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return Reply(json.dumps({"object": "chat.completion", "choices": [choice]}).encode())


def stream(text: str, *, cut: bool = False) -> Reply:
    chunks = [
        {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}]}
        for reason in (None, "stop")
    ]
    data = [json.dumps(chunk) for chunk in chunks[: 1 if cut else 2]] + ([] if cut else ["[DONE]"])
    return Reply(b"".join(f"data: {item}\n\n".encode() for item in data), stream=True, cut=cut)


def failure(status: int, message: str) -> Reply:
    """As TGI answers an error."""
    return Reply(json.dumps({"error": message, "error_type": "x"}).encode(), status)
