"""A running embedded SageMaker on a free loopback port, and real boto3 clients of it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
import uvicorn
from botocore.config import Config

from endpoints.local.autoscaling import ApplicationAutoScaling
from endpoints.local.sagemaker import SageMaker
from endpoints.local.sagemaker.asgi import create_app
from endpoints.local.sagemaker.runtime import RuntimeTimeouts
from tests.contracts.sagemaker.container_fakes import FakeHost, fake_host

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


@dataclass
class Clients:
    """boto3 clients of one running server. Untyped on purpose: the tests also send what the stubs forbid."""

    url: str
    sagemaker: Any
    runtime: Any
    autoscaling: Any


@pytest.fixture
def clients(sagemaker: SageMaker, autoscaling: ApplicationAutoScaling) -> Iterator[Clients]:
    timeouts = RuntimeTimeouts(answer_s=0.5, stream_s=1.0)
    with serving(create_app(sagemaker, autoscaling, timeouts=timeouts)) as url:
        yield Clients(
            url,
            *(client(name, url) for name in ("sagemaker", "sagemaker-runtime", "application-autoscaling")),
        )


def client(service: str, url: str) -> Any:
    """A client without retries; parameters are sent unchecked, so that the server's own checks are seen."""
    config = Config(retries={"total_max_attempts": 1}, parameter_validation=False, read_timeout=10)
    return _session().client(service, endpoint_url=url, config=config)  # type: ignore[call-overload]  # by name


def _session() -> boto3.Session:
    return boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """uvicorn in a thread on a free loopback port."""
    # With the protocol named, asyncio switches Nagle's algorithm off on what it accepts: 40 ms per answer otherwise.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(5)
        listener.close()
