"""A running embedded SageMaker on a free loopback port, and real boto3 clients of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.model import OperationModel
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from endpoints.local.autoscaling import ApplicationAutoScaling
from endpoints.local.protocol.constraints import validate
from endpoints.local.protocol.wire import decode_body
from endpoints.local.sagemaker import SageMaker
from endpoints.local.sagemaker.asgi import create_app
from endpoints.local.sagemaker.runtime import RuntimeTimeouts
from tests.contracts.ministack.running import Running, settings_in
from tests.support.containers import FakeHost, fake_host
from tests.support.serving import serving

# Errors that every AWS JSON service has and no model lists.
COMMON_ERRORS = {
    "ValidationException",
    "SerializationException",
    "UnknownOperationException",
    "InternalFailure",
}
ACCOUNT, REGION = "000000000000", "us-east-1"


@pytest.fixture
def host() -> Iterator[FakeHost]:
    with fake_host() as host:
        yield host


@pytest.fixture
def sagemaker(host: FakeHost) -> Iterator[SageMaker]:
    service = SageMaker(host, account=ACCOUNT, region=REGION, health_interval_s=0.05, drain_timeout_s=3)
    yield service
    service.close()


@pytest.fixture
def autoscaling(sagemaker: SageMaker) -> Iterator[ApplicationAutoScaling]:
    service = ApplicationAutoScaling(sagemaker)
    yield service
    service.close()


@pytest.fixture(scope="session")
def fast_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The real server process, in which time runs 60 times faster than on AWS: minutes are seconds."""
    settings = settings_in(tmp_path_factory.mktemp("fast-aws"))
    running = Running(replace(settings, time_scale=60.0))
    running.start()
    yield running
    running.stop()


@dataclass
class Clients:
    """boto3 clients of one running server. Untyped on purpose: the tests also send what the stubs forbid."""

    url: str
    sagemaker: Any
    runtime: Any
    autoscaling: Any


class Stage:
    """One server for all tests, because starting it and making boto3 clients takes half a second: plays one app."""

    def __init__(self) -> None:
        self.app: Starlette | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.loop = asyncio.get_running_loop()
        if scope["type"] == "http" and self.app is not None:
            await self.app(scope, receive, send)

    @contextmanager
    def playing(self, app: Starlette) -> Iterator[None]:
        """Serve `app` meanwhile, with its lifespan."""
        assert self.loop is not None
        lifespan = app.router.lifespan_context(app)
        asyncio.run_coroutine_threadsafe(lifespan.__aenter__(), self.loop).result(5)
        self.app = app
        yield
        self.app = None
        asyncio.run_coroutine_threadsafe(lifespan.__aexit__(None, None, None), self.loop).result(5)


@pytest.fixture(scope="session")
def stage() -> Iterator[tuple[Stage, Clients]]:
    stage = Stage()
    with serving(stage) as url:
        names = ("sagemaker", "sagemaker-runtime", "application-autoscaling")
        yield stage, Clients(url, *(client(name, url) for name in names))


@pytest.fixture
def timeouts() -> RuntimeTimeouts:
    """SageMaker's; a test that waits for one to run out parametrizes this with shorter ones."""
    return RuntimeTimeouts()


@pytest.fixture
def clients(
    sagemaker: SageMaker,
    autoscaling: ApplicationAutoScaling,
    stage: tuple[Stage, Clients],
    timeouts: RuntimeTimeouts,
) -> Iterator[Clients]:
    app = create_app(sagemaker, autoscaling, timeouts=timeouts)
    with stage[0].playing(app):
        yield stage[1]


def client(service: str, url: str) -> Any:
    """A client without retries; parameters are sent unchecked, so that the server's own checks are seen.

    Every JSON answer is held against the service model on the way.
    """
    config = Config(retries={"total_max_attempts": 1}, parameter_validation=False, read_timeout=30)
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    made: Any = session.client(service, endpoint_url=url, config=config)  # type: ignore[call-overload]  # by name
    if service != "sagemaker-runtime":
        made.meta.events.register("after-call", check_answer)
    return made


def check_answer(http_response: AWSResponse, model: OperationModel, **_: object) -> None:
    """Fail unless the answer has the members, types and values that the service model allows."""
    if http_response.status_code >= 400:
        code = http_response.headers["x-amzn-errortype"]
        assert code in {shape.name for shape in model.error_shapes} | COMMON_ERRORS
        assert json.loads(http_response.content)["__type"] == code
    elif model.output_shape is None:
        assert http_response.content == b""
    else:
        validate(decode_body(http_response.content, model.output_shape), model.output_shape)
