"""A request goes where its signature says: header, presigned URL, or neither."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from endpoints.local.gateway import HEALTH_PATH, Gateway

URL = "http://127.0.0.1:4577"
CREDENTIALS = Credentials("000000004577", "anything")


def saying(text: str) -> ASGIApp:
    return PlainTextResponse(text)


async def healthy() -> dict[str, object]:
    return {"version": "1"}


@pytest.fixture
def changes() -> list[str]:
    return []


@pytest.fixture
def gateway(changes: list[str]) -> Gateway:
    return Gateway(
        saying("ministack"),
        {"sagemaker": saying("sagemaker"), "application-autoscaling": saying("autoscaling")},
        health=healthy,
        on_change=lambda: changes.append("changed"),
    )


def ask(gateway: Gateway, method: str, url: str, headers: dict[str, str] | None = None) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=gateway)
        async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
            return await client.request(method, url, headers=headers)

    return asyncio.run(send())


def signed(service: str) -> dict[str, str]:
    """The headers with which botocore signs a request to `service`."""
    request = AWSRequest(method="POST", url=URL, data=b"{}")
    SigV4Auth(CREDENTIALS, service, "us-east-1").add_auth(request)
    return dict(request.headers.items())


def presigned(service: str) -> str:
    request = AWSRequest(method="GET", url=f"{URL}/endpoints/e")
    SigV4QueryAuth(CREDENTIALS, service, "us-east-1").add_auth(request)
    return str(request.url)


@pytest.mark.parametrize(
    ("service", "answer"),
    [("sagemaker", "sagemaker"), ("application-autoscaling", "autoscaling"), ("s3", "ministack")],
)
def test_a_signed_request_goes_to_its_service(gateway: Gateway, service: str, answer: str) -> None:
    assert ask(gateway, "POST", "/", signed(service)).text == answer
    assert ask(gateway, "GET", presigned(service)).text == answer


def test_what_is_not_signed_goes_to_ministack(gateway: Gateway) -> None:
    assert ask(gateway, "POST", "/restapis/a/b/_user_request_/health").text == "ministack"
    assert ask(gateway, "GET", "/", {"authorization": "Bearer of-something"}).text == "ministack"


def test_health_is_answered_here_and_only_read(gateway: Gateway) -> None:
    assert ask(gateway, "GET", HEALTH_PATH).json() == {"version": "1"}
    assert ask(gateway, "POST", HEALTH_PATH).status_code == 405


def test_changes_are_noted_and_reads_are_not(gateway: Gateway, changes: list[str]) -> None:
    ask(gateway, "GET", "/bucket/key")
    ask(gateway, "POST", "/", {"x-amz-target": "secretsmanager.GetSecretValue"})
    ask(gateway, "POST", "/restapis/a/b/_user_request_/v1/chat/completions")
    assert changes == []
    ask(gateway, "PUT", "/bucket/key")
    ask(gateway, "POST", "/", {"x-amz-target": "secretsmanager.PutSecretValue"})
    assert changes == ["changed", "changed"]
