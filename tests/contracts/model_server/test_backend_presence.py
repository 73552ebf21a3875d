"""A model server that is to stand in is asked whether it is there before anything is started."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from endpoints.adapters.model_backend import require_model
from endpoints.errors import RemoteError
from endpoints.local.ports import free_port
from tests.support.serving import serving


def _server(*models: str, key: str | None = None) -> Starlette:
    async def listed(request: Request) -> Response:
        if key is not None and request.headers.get("authorization") != f"Bearer {key}":
            return JSONResponse({"error": "who are you?"}, status_code=401)
        return JSONResponse({"object": "list", "data": [{"id": model} for model in models]})

    return Starlette(routes=[Route("/v1/models", listed)])


def test_nothing_there_is_said_at_once() -> None:
    with pytest.raises(RemoteError, match="no model server answers") as caught:
        require_model(f"http://127.0.0.1:{free_port()}/v1", "llama3.2")

    assert caught.value.remedy is not None


@pytest.mark.parametrize("listed", ["llama3.2", "llama3.2:latest"])
def test_a_model_that_it_lists_is_taken(listed: str) -> None:
    with serving(_server("other", listed)) as url:
        require_model(f"{url}/v1", "llama3.2")


def test_a_model_that_it_does_not_list_is_refused_and_those_that_it_has_are_named() -> None:
    with serving(_server("mistral", "qwen")) as url, pytest.raises(RemoteError, match=r"llama3\.2") as caught:
        require_model(f"{url}/v1", "llama3.2")

    assert caught.value.remedy == "It has: mistral, qwen."


def test_another_tag_is_another_model() -> None:
    with (
        serving(_server("llama3.2:1b")) as url,
        pytest.raises(RemoteError, match=r"has no model 'llama3\.2'"),
    ):
        require_model(f"{url}/v1", "llama3.2")


def test_the_key_is_sent_and_a_server_that_lists_nothing_is_believed() -> None:
    with serving(_server("qwen", key="secret")) as url:
        require_model(f"{url}/v1", "qwen", api_key="secret")
        require_model(f"{url}/v1", "anything")
