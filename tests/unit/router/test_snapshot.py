"""Lambda SnapStart: copies of one snapshot do not wait in step, and no caller resets anything."""

from __future__ import annotations

import asyncio
import random

import pytest

from lambdas.router.http.request_reader import RawRequest
from lambdas.router.messages import Response
from lambdas.router.route_table import RouteTableError
from lambdas.router.snapshot import RESTORED_PATH
from lambdas.router.web import RouterApp


def _asked(method: str, target: str) -> Response:
    """The answer of a router that would refuse whatever reaches its core."""

    def refuse(_: object) -> None:
        raise RouteTableError(("none",))

    app = RouterApp(refuse)  # type: ignore[arg-type]  # it makes nothing
    return asyncio.run(app.answer(RawRequest(method, target, {}, b"")))


@pytest.fixture
def _adapted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RESTORED_PATH, "/_snapstart/restored")


@pytest.mark.usefixtures("_adapted")
def test_a_restored_copy_draws_other_random_numbers_than_its_snapshot() -> None:
    of_the_snapshot = random.getstate()

    assert _asked("POST", "/_snapstart/restored").status == 200
    assert random.getstate() != of_the_snapshot


@pytest.mark.usefixtures("_adapted")
@pytest.mark.parametrize(
    ("method", "target"), [("GET", "/_snapstart/restored"), ("POST", "/_snapstart/restored/x")]
)
def test_nothing_else_is_the_adapters_word(method: str, target: str) -> None:
    assert _asked(method, target).status == 503


def test_without_the_adapter_the_path_is_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RESTORED_PATH, raising=False)

    assert _asked("POST", "/_snapstart/restored").status == 503
