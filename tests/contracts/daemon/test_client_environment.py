"""What a client gets cannot reach a real AWS account, whatever the user's shell and files say."""

from __future__ import annotations

import os
from pathlib import Path

from endpoints.local.clients import client_environment
from endpoints.local.settings import ACCOUNT, PROCESS_MARKER, LocalSettings

LEAKS = {
    "AWS_PROFILE": "production",
    "AWS_SESSION_TOKEN": "token",
    "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/admin",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/token",
    "AWS_ENDPOINT_URL_S3": "https://s3.amazonaws.com",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials",
    "AWS_ACCESS_KEY_ID": "a-real-key",
    "AWS_SECRET_ACCESS_KEY": "a-real-secret",
    "AWS_REGION": "eu-central-1",
    "CDK_DEFAULT_ACCOUNT": "123456789012",
    PROCESS_MARKER: "/home/somebody",
}


def environment(tmp_path: Path, **given: str) -> dict[str, str]:
    return client_environment(LocalSettings(home=tmp_path, port=4601), given)


def test_nothing_of_a_real_account_is_left(tmp_path: Path) -> None:
    result = environment(tmp_path, PATH="/usr/bin", **LEAKS)
    assert set(LEAKS.values()).isdisjoint(set(result.values()) - {"true"})
    assert "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS" not in result
    assert result["PATH"] == "/usr/bin"
    assert result["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4601"
    assert result["AWS_CONFIG_FILE"] == result["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert result["AWS_EC2_METADATA_DISABLED"] == "true"


def test_the_cdk_sees_the_embedded_account_and_remembers_it_apart(tmp_path: Path) -> None:
    result = environment(tmp_path, CDK_VALIDATION="false")
    assert result["CDK_DEFAULT_ACCOUNT"] == result["AWS_ACCESS_KEY_ID"] == ACCOUNT
    assert result["CDK_DEFAULT_REGION"] == result["AWS_REGION"] == "us-east-1"
    assert Path(result["CDK_HOME"]).is_relative_to(tmp_path)
    assert result["CDK_VALIDATION"] == "false"


def test_a_proxy_is_not_asked_for_loopback(tmp_path: Path) -> None:
    result = environment(tmp_path, HTTPS_PROXY="http://proxy:3128", no_proxy="intranet")
    assert result["NO_PROXY"] == result["no_proxy"] == "intranet,127.0.0.1,localhost"
