"""The router's signatures against those of botocore's own code."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from awscrt.auth import AwsCredentialsProvider
from awscrt.http import HttpHeaders, HttpRequest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from lambdas.router.aws.signing import Signer

HOST = "runtime.sagemaker.eu-west-1.amazonaws.com"
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.mark.parametrize("token", [None, "a/session+token=="])
@pytest.mark.parametrize("body", [b"", b'{"inputs": "x"}', "é".encode() * 1000])
def test_a_signature_is_the_one_that_botocores_own_code_makes(
    monkeypatch: pytest.MonkeyPatch, token: str | None, body: bytes
) -> None:
    target = "/endpoints/adept-production-job-parsing/invocations-response-stream"
    headers = [
        ("content-type", "application/json"),
        ("x-amzn-sagemaker-target-variant", "primary"),
        (
            "x-amzn-sagemaker-custom-attributes",
            "traceparent=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
    ]
    request = HttpRequest("POST", target, HttpHeaders([("host", HOST), *headers]))
    provider = AwsCredentialsProvider.new_static("AKIDEXAMPLE", "secret", token)
    Signer("eu-west-1", "sagemaker", HOST).sign(request, provider, body, NOW)

    theirs = AWSRequest("POST", f"https://{HOST}{target}", dict(headers), body)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: NOW.replace(tzinfo=None))
    SigV4Auth(ReadOnlyCredentials("AKIDEXAMPLE", "secret", token), "sagemaker", "eu-west-1").add_auth(theirs)
    for name in ("Authorization", "X-Amz-Date", "X-Amz-Security-Token"):
        assert request.headers.get(name) == theirs.headers.get(name)


@pytest.mark.parametrize("token", [None, "a/session+token=="])
@pytest.mark.parametrize("service", ["sagemaker", "s3"])
def test_a_request_is_whole_and_its_signed_headers_are_sent_as_they_were_signed(
    service: str, token: str | None
) -> None:
    provider = AwsCredentialsProvider.new_static("AKIDEXAMPLE", "secret", token)
    raw = Signer("eu-west-1", service, HOST).request(provider, "/x", [("content-type", "a/b")], b"body")
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert (first, body) == ("POST /x HTTP/1.1", b"body")
    assert (headers["host"], headers["content-type"], headers["content-length"]) == (HOST, "a/b", "4")
    assert headers.get("x-amz-security-token") == token
    kind, _, parts = headers["authorization"].partition(" ")
    assert (kind, parts.startswith("Credential=AKIDEXAMPLE/")) == ("AWS4-HMAC-SHA256", True)
    signed = parts.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert set(signed) == headers.keys() - {"authorization", "content-length", "user-agent"}


@pytest.mark.parametrize("token", [None, "a/session+token=="])
def test_so_is_one_for_s3_which_signs_otherwise(monkeypatch: pytest.MonkeyPatch, token: str | None) -> None:
    host, target = "tables.s3.eu-west-1.amazonaws.com", "/some/route_table.json"
    headers = [("if-none-match", '"9b2cf535f27731c974343645a3985328"')]
    request = HttpRequest("GET", target, HttpHeaders([("host", host), *headers]))
    provider = AwsCredentialsProvider.new_static("AKIDEXAMPLE", "secret", token)
    Signer("eu-west-1", "s3", host).sign(request, provider, b"", NOW)

    theirs = AWSRequest("GET", f"https://{host}{target}", dict(headers), b"")
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: NOW.replace(tzinfo=None))
    S3SigV4Auth(ReadOnlyCredentials("AKIDEXAMPLE", "secret", token), "s3", "eu-west-1").add_auth(theirs)
    for name in ("Authorization", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-SHA256"):
        assert request.headers.get(name) == theirs.headers.get(name)
