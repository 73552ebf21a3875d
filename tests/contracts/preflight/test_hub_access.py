"""huggingface_hub's own client against a server that answers as the Hub does; the token leaves in one header only."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from huggingface_hub import constants
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from endpoints.adapters.hub_access import snapshot_access
from endpoints.errors import RemoteError
from endpoints.preflight import HubAccess
from tests.support.serving import serving

TOKEN = "not-a-real-token"
SHA = "0e9e39f249a16976918f6564b8830bc894c89659"
COMMIT = {"X-Repo-Commit": SHA, "ETag": '"1"'}


@dataclass
class Hub:
    """What it answers, and what it was asked."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: COMMIT)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self.answer, methods=["GET", "HEAD"])])

    async def answer(self, request: Request) -> Response:
        self.asked.append((request.method, request.url.path, request.headers.get("authorization")))
        return Response(status_code=self.status, headers=self.headers)


@pytest.fixture
def hub() -> Iterator[Hub]:
    played = Hub()
    with serving(played.app()) as url:
        played.url = url
        yield played


def test_access_is_asked_for_at_the_pinned_commit_with_the_token(hub: Hub) -> None:
    assert snapshot_access("meta-llama/Llama", SHA, TOKEN, hub_url=hub.url) is HubAccess.GRANTED
    assert hub.asked == [("HEAD", f"/meta-llama/Llama/resolve/{SHA}/config.json", f"Bearer {TOKEN}")]


@pytest.mark.parametrize(
    ("status", "headers", "access"),
    [
        (403, {"X-Error-Code": "GatedRepo"}, HubAccess.NOT_ACCEPTED),
        (401, {"X-Error-Code": "GatedRepo"}, HubAccess.BAD_TOKEN),
        (401, {"X-Error-Message": "Invalid credentials in Authorization header"}, HubAccess.BAD_TOKEN),
        (
            403,
            {
                "X-Error-Code": "GatedRepo",
                "X-Error-Message": "enable access to gated repositories in your token settings",
            },
            HubAccess.TOKEN_SCOPE,
        ),
        (403, {"X-Error-Message": "Forbidden"}, HubAccess.TOKEN_SCOPE),
        (404, {"X-Error-Code": "RepoNotFound"}, HubAccess.NOT_FOUND),
        (404, {"X-Error-Code": "RevisionNotFound"}, HubAccess.NO_REVISION),
        (404, {"X-Error-Code": "EntryNotFound", **COMMIT}, HubAccess.GRANTED),
    ],
)
def test_what_the_hub_answers(hub: Hub, status: int, headers: dict[str, str], access: HubAccess) -> None:
    hub.status, hub.headers = status, headers

    assert snapshot_access("meta-llama/Llama", SHA, TOKEN, hub_url=hub.url) is access


def test_without_a_token_the_hub_is_not_asked(hub: Hub) -> None:
    assert snapshot_access("meta-llama/Llama", SHA, None, hub_url=hub.url) is HubAccess.NO_TOKEN
    assert hub.asked == []


def test_a_value_that_cannot_be_a_token_is_not_sent(hub: Hub) -> None:
    assert snapshot_access("meta-llama/Llama", SHA, "two\nlines", hub_url=hub.url) is HubAccess.BAD_TOKEN
    assert hub.asked == []


@pytest.mark.parametrize("status", [500, 503])
def test_a_hub_in_trouble_is_no_answer_and_the_error_knows_no_token(hub: Hub, status: int) -> None:
    hub.status, hub.headers = status, {}

    with pytest.raises(RemoteError, match=f"HTTP {status}") as raised:
        snapshot_access("meta-llama/Llama", SHA, TOKEN, hub_url=hub.url)

    _assert_no_token_in(raised.value)


def test_a_hub_out_of_reach_is_no_answer_and_the_error_knows_no_token() -> None:
    with serving(Hub().app()) as url:
        pass  # nobody listens there any more

    with pytest.raises(RemoteError, match="does not answer") as raised:
        snapshot_access("meta-llama/Llama", SHA, TOKEN, hub_url=url)

    _assert_no_token_in(raised.value)


def test_a_hub_that_the_shell_forbids_to_ask_is_not_called_silent(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)  # the client reads the variables once

    with pytest.raises(RemoteError, match="TRANSFORMERS_OFFLINE is set in this shell") as raised:
        snapshot_access("meta-llama/Llama", SHA, TOKEN, hub_url=hub.url)

    assert "env -u TRANSFORMERS_OFFLINE adept" in str(raised.value.remedy)
    assert hub.asked == []
    _assert_no_token_in(raised.value)


def _assert_no_token_in(error: RemoteError) -> None:
    assert error.__cause__ is None
    assert error.__context__ is None  # it would hold the request with its headers
    assert TOKEN not in "".join(traceback.format_exception(error))
