"""An embedded AWS with an empty weights' bucket, and an account whose requests a test can fail."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest

from endpoints.adapters.account_clients import Account
from endpoints.adapters.weights_store import WeightsStore
from endpoints.local.settings import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from tests.contracts.ministack.running import Running, embedded_aws

REGION = "us-east-1"


class Killed(BaseException):
    """What ends a copy in the middle of a request; nothing in the project handles it."""


@dataclass
class Requests:
    """Counts what the S3 client sends, by operation, and raises before the n-th request, or the one of a kind."""

    sent: list[str] = field(default_factory=list)
    kill_at: int | None = None
    kill_before: str | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def watch(self, client: Any) -> None:
        client.meta.events.register("before-send.s3", self._before)

    def _before(self, event_name: str, **_: object) -> None:
        operation = event_name.rpartition(".")[2]
        with self._lock:
            late = self.kill_at is not None and len(self.sent) >= self.kill_at
            if late or operation == self.kill_before:
                raise Killed
            self.sent.append(operation)

    def forget(self) -> None:
        """Go on without faults, and count from here."""
        self.sent.clear()
        self.kill_at = self.kill_before = None

    def count(self, operation: str) -> int:
        return self.sent.count(operation)


@dataclass(frozen=True)
class WatchedAccount(Account):
    """An account whose S3 requests are counted."""

    requests: Requests = field(default_factory=Requests)

    def transfer_client(self, *, threads: int) -> Any:
        client = super().transfer_client(threads=threads)
        self.requests.watch(client)
        return client


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with embedded_aws(tmp_path_factory.mktemp("aws")) as running:
        yield running


@pytest.fixture
def account(aws: Running) -> WatchedAccount:
    session = boto3.Session(ACCESS_KEY_ID, SECRET_ACCESS_KEY, region_name=REGION)
    return WatchedAccount(session, REGION, aws.settings.endpoint_url)


@pytest.fixture
def store(account: WatchedAccount, request: pytest.FixtureRequest) -> WeightsStore:
    """The store over a bucket of this test's own."""
    bucket = f"weights-{abs(hash(request.node.nodeid)):x}"
    account.client("s3").create_bucket(Bucket=bucket)
    return WeightsStore(account, bucket)
