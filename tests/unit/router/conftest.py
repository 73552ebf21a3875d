"""Fixtures: a scripted SageMaker runtime on loopback, and the real botocore client pointed at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.router.support import FakeRuntime


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRuntime]:
    """A running fake runtime; AWS clients made from the environment go there."""
    server = FakeRuntime()
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    yield server
    server.close()
