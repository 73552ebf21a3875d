"""A model server in front of somebody else's OpenAI-compatible server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from endpoints.errors import ContainerFailed
from endpoints.local.model_servers import LocalContainerHost
from endpoints.local.model_source import ModelSource, SourceKind
from tests.contracts.model_server.conftest import START_TIMEOUT_S, FolderSnapshots, spec, sse_documents
from tests.support.serving import serving


async def list_models(_: Request) -> Response:
    return JSONResponse({"object": "list", "data": [{"id": "llama3.2:latest", "object": "model"}]})


async def chat(request: Request) -> Response:
    """Says the last message back, a word at a time."""
    body = await request.json()
    words = body["messages"][-1]["content"].split()
    if words == ["overload"]:
        return JSONResponse({"error": {"message": "busy"}}, status_code=429)

    async def events() -> AsyncIterator[str]:
        for word in words:
            chunk = {"choices": [{"index": 0, "delta": {"content": f"{word} "}, "finish_reason": None}]}
            yield f"data: {json.dumps(chunk)}\n\n"
        end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        counts = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": len(words)}}
        yield f"data: {json.dumps(end)}\n\ndata: {json.dumps(counts)}\n\ndata: [DONE]\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


@pytest.fixture(scope="module")
def backend() -> Iterator[str]:
    routes = [
        Route("/v1/models", list_models),
        Route("/v1/chat/completions", chat, methods=["POST"]),
    ]
    with serving(Starlette(routes=routes)) as url:
        yield f"{url}/v1"


@pytest.fixture(scope="module")
def invocations(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    host = backed_by(backend, "llama3.2", tmp_path_factory.mktemp("backend"))
    # Model data is not looked at: there is none where this container's is said to be.
    unstaged = replace(spec(), model_data_url="s3://weights/nobody/staged/this/")
    yield host.start(unstaged, timeout_s=START_TIMEOUT_S).base_url + "/invocations"
    host.close()


def backed_by(backend: str, model: str, log_dir: Path) -> LocalContainerHost:
    source = ModelSource(SourceKind.OPENAI_URL, backend, model)
    return LocalContainerHost(FolderSnapshots({}), log_dir=log_dir, backend=source)


def message(content: str) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": content}]}


def test_the_backends_answer_comes_in_tgis_shape(invocations: str) -> None:
    body = httpx.post(invocations, json=message("hello dear world"), timeout=30).json()
    assert body["choices"][0]["message"]["content"] == "hello dear world "
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["model"] == "llama3.2"


def test_the_backends_stream_passes_through(invocations: str) -> None:
    answer = httpx.post(invocations, json={**message("one two"), "stream": True}, timeout=30)
    *chunks, done = sse_documents(answer.text)
    assert [chunk["choices"][0]["delta"]["content"] for chunk in chunks] == ["one ", "two ", ""]
    assert done == "[DONE]"


def test_stop_sequences_work_whatever_the_backend_does(invocations: str) -> None:
    body = httpx.post(invocations, json={**message("a stop b"), "stop": ["stop"]}, timeout=30).json()
    assert body["choices"][0]["message"]["content"] == "a stop"
    assert body["choices"][0]["finish_reason"] == "stop_sequence"


def test_the_backends_overload_is_tgis_overload(invocations: str) -> None:
    answer = httpx.post(invocations, json=message("overload"), timeout=30)
    assert (answer.status_code, answer.json()["error_type"]) == (429, "overloaded")


def test_a_backend_without_the_model_says_which_it_has(backend: str, tmp_path: Path) -> None:
    host = backed_by(backend, "llama9", tmp_path)
    try:
        with pytest.raises(ContainerFailed, match=r"no model 'llama9'\nIt serves: llama3\.2:latest"):
            host.start(spec(), timeout_s=START_TIMEOUT_S)
    finally:
        host.close()
