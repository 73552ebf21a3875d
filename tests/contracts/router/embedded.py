"""The embedded SageMaker on a loopback port, with containers that a test scripts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from endpoints.local.autoscaling import ApplicationAutoScaling
from endpoints.local.sagemaker import SageMaker
from endpoints.local.sagemaker.asgi import create_app
from tests.support.containers import Call, FakeHost, fake_host
from tests.support.serving import serving

REGION = "us-east-1"


@dataclass(frozen=True)
class Reply:
    """What a container answers. A stream is sent in chunks; `cut` hangs up before its last chunk."""

    body: bytes
    status: int = 200
    stream: bool = False
    cut: bool = False


Script = Callable[[str], Reply]  # variant name -> its answer


@dataclass(frozen=True)
class Embedded:
    """A running embedded SageMaker."""

    url: str
    host: FakeHost
    sagemaker: SageMaker

    def play(self, script: Script) -> None:
        """Let the containers answer as `script` says from now on."""

        def behaviour(call: Call) -> None:
            reply = script(call.container_id.rsplit("-", 1)[0])
            kind = "text/event-stream" if reply.stream else "application/json"
            length = len(reply.body) + (1 if reply.cut else 0)
            call.begin(reply.status, {"Content-Type": kind, "Content-Length": str(length)})
            call.write(reply.body)
            if reply.cut:
                call.hang_up()

        self.host.behaviour = behaviour

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
    with fake_host() as host:
        sagemaker = SageMaker(host, account="000000000000", region=REGION)
        autoscaling = ApplicationAutoScaling(sagemaker)
        with serving(create_app(sagemaker, autoscaling)) as url:
            embedded = Embedded(url, host, sagemaker)
            embedded.play(script)
            yield embedded
        autoscaling.close()
        sagemaker.close()


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
