"""What the Hub says of a token: who it is, what it may read, and that no error ever shows it."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from endpoints.adapters import hub_identity as adapter
from endpoints.adapters.hub_identity import TokenKind, TokenRefusedError, hub_identity
from endpoints.errors import RemoteError
from endpoints.local.hub import HubFault
from tests.contracts.weights_commands.conftest import (
    ADA,
    NARROW,
    Deployed,
)
from tests.support.serving import serving


class TestIdentity:
    def test_kinds_and_scopes(self, deployed: Deployed) -> None:
        read = hub_identity(ADA, hub_url=deployed.world.hub.url)
        narrow = hub_identity(NARROW, hub_url=deployed.world.hub.url)

        assert (read.name, read.kind, read.reads_gated) == ("ada", TokenKind.READ, True)
        assert (narrow.kind, narrow.reads_gated) == (TokenKind.FINE_GRAINED, False)

    def test_a_fine_grained_tokens_scopes_in_the_hubs_words(self) -> None:
        rights = {
            "canReadGatedRepos": True,
            "global": ["discussion.write"],
            "scoped": [
                {
                    "entity": {"type": "org", "name": "acme"},
                    "permissions": ["repo.content.read", "repo.write"],
                },
                {"entity": {}, "permissions": []},
            ],
        }
        document = {
            "name": "ada",
            "email": "ada@example.com",
            "orgs": [{"name": "acme"}],
            "auth": {"accessToken": {"displayName": "ci", "role": "fineGrained", "fineGrained": rights}},
        }
        with _hub_that_says(document) as url:
            identity = hub_identity(ADA, hub_url=url)

        assert (identity.token_name, identity.organisations, identity.reads_gated) == ("ci", ("acme",), True)
        assert identity.scopes == (
            "global: discussion.write",
            "org acme: repo.content.read, repo.write",
        )
        assert "example.com" not in str(identity)

    @pytest.mark.parametrize(
        "document", [{"name": "ada"}, {"name": "ada", "auth": {"accessToken": {"role": "new"}}}]
    )
    def test_a_hub_that_says_little_is_believed_no_more(self, document: dict[str, object]) -> None:
        with _hub_that_says(document) as url:
            identity = hub_identity(ADA, hub_url=url)

        assert (identity.name, identity.kind, identity.reads_gated) == ("ada", TokenKind.OTHER, None)

    @pytest.mark.parametrize(
        "fault",
        [
            HubFault(path="*whoami*", status=429, retry_after_s=60, times=None),
            HubFault(path="*whoami*", status=500, times=None),
        ],
    )
    def test_a_hub_in_trouble_is_no_refusal_and_the_error_knows_no_token(
        self, deployed: Deployed, fault: HubFault
    ) -> None:
        deployed.world.hub.fail(fault)

        with pytest.raises(RemoteError, match=f"HTTP {fault.status}") as raised:
            hub_identity(ADA, hub_url=deployed.world.hub.url)

        assert not isinstance(raised.value, TokenRefusedError)
        _knows_no_token(raised.value)

    def test_a_hub_that_says_nothing_is_not_waited_for_without_end(
        self, deployed: Deployed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(adapter, "TIMEOUT_S", 0.2)
        deployed.world.hub.fail(HubFault(path="*whoami*", delay_s=1.0))

        with pytest.raises(RemoteError, match=r"no answer in 0\.2 s") as raised:
            hub_identity(ADA, hub_url=deployed.world.hub.url)

        _knows_no_token(raised.value)

    def test_what_cannot_be_a_token_is_not_sent(self, deployed: Deployed) -> None:
        with pytest.raises(TokenRefusedError, match="blanks"):
            hub_identity("two\nlines", hub_url=deployed.world.hub.url)

        assert deployed.world.hub.requests() == []


@contextmanager
def _hub_that_says(document: Mapping[str, object]) -> Iterator[str]:
    async def whoami(_request: Request) -> JSONResponse:
        return JSONResponse(document)

    with serving(Starlette(routes=[Route("/api/whoami-v2", whoami)])) as url:
        yield url


def _knows_no_token(error: RemoteError) -> None:
    assert error.__cause__ is None
    assert error.__context__ is None
    assert ADA not in "".join(traceback.format_exception(error))
