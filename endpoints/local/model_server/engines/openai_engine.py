"""A model behind somebody else's server with an OpenAI-compatible API: Ollama, LM Studio, llama.cpp, vLLM..."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final

import httpx

from endpoints.adapters.model_backend import is_served
from endpoints.errors import LocalError
from endpoints.local.model_server.engines.base import (
    ChatMessage,
    Finish,
    FinishReason,
    Prompt,
    Sampling,
    Step,
    Token,
    TopToken,
)
from endpoints.local.model_server.errors import GenerationError, InvalidRequestError, OverloadedError
from endpoints.local.model_source import ModelSource

API_KEY_VARIABLE: Final = "ADEPT_BACKEND_API_KEY"
BYTES_PER_TOKEN: Final = 4  # the server's tokenizer is unknown, so prompts are estimated
WINDOW: Final = 131_072  # unknown too: the server itself refuses what it cannot hold
CONNECT_TIMEOUT_S: Final = 5.0
READ_TIMEOUT_S: Final = 600.0  # between two tokens; the first one may wait for the model to be loaded
HEALTH_TIMEOUT_S: Final = 2.0
END: Final = Token("", special=True)  # which token ends a sequence is not known


class OpenAiEngine:
    """A model by URL. Prompt lengths are estimates; the server's own counts are used for answers."""

    def __init__(self, source: ModelSource, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.model_name = source.name
        self.window = WINDOW
        key = os.environ.get(API_KEY_VARIABLE)
        self._url = source.location
        self._client = httpx.AsyncClient(
            base_url=source.location + "/",
            headers={"authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            transport=transport,
        )

    def load(self) -> None:
        """Check that the server is there and knows the model."""
        try:
            answer = httpx.get(f"{self._url}/models", headers=self._client.headers, timeout=CONNECT_TIMEOUT_S)
            answer.raise_for_status()
            known = [str(entry["id"]) for entry in answer.json()["data"]]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise LocalError(
                f"No OpenAI-compatible server at {self._url}: {error}",
                remedy="Start it, or give the base URL of its API, such as http://localhost:11434/v1.",
            ) from error
        if known and not is_served(self.model_name, known):
            raise LocalError(
                f"The server at {self._url} has no model {self.model_name!r}",
                remedy=f"It serves: {', '.join(known)}.",
            )

    async def is_healthy(self) -> bool:
        """Whether the server answers at all."""
        try:
            answer = await self._client.get("models", timeout=HEALTH_TIMEOUT_S)
        except httpx.HTTPError:
            return False
        return answer.is_success

    def prepare_text(self, text: str) -> Prompt:
        """Plain text; its length is an estimate."""
        return Prompt(text, _estimate(text))

    def prepare_chat(self, messages: Sequence[ChatMessage]) -> Prompt:
        """A conversation; the server renders it."""
        return Prompt(tuple(messages), sum(_estimate(message["content"]) for message in messages))

    def truncate(self, prompt: Prompt, tokens: int) -> Prompt:
        """About the last `tokens` tokens."""
        return self.prepare_text(str(prompt.content)[-tokens * BYTES_PER_TOKEN :])

    async def generate(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Step]:
        """Tokens as the server sends them; one per event."""
        path, body = _request(self.model_name, prompt, sampling)
        try:
            async with self._client.stream("POST", path, json=body) as answer:
                if not answer.is_success:
                    raise _refusal(answer.status_code, (await answer.aread()).decode(errors="replace"))
                async for step in _steps(answer):
                    yield step
        except httpx.HTTPError as error:
            raise GenerationError(f"{self._url}: {error or type(error).__name__}") from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _estimate(text: str) -> int:
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def _request(model: str, prompt: Prompt, sampling: Sampling) -> tuple[str, dict[str, Any]]:
    chat = not isinstance(prompt.content, str)
    body = {
        "model": model,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": sampling.max_new_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": sampling.presence_penalty,
        "seed": sampling.seed,
    }
    if chat:
        body |= {"messages": list(prompt.content), "response_format": _response_format(sampling)}
        body |= {"logprobs": True, "top_logprobs": sampling.top_n_tokens} if sampling.top_n_tokens else {}
    else:
        body |= {"prompt": prompt.content}
    path = "chat/completions" if chat else "completions"
    return path, {name: value for name, value in body.items() if value is not None}


def _response_format(sampling: Sampling) -> dict[str, Any] | None:
    grammar = sampling.grammar
    if grammar is None:
        return None
    if grammar.kind != "json_schema":
        raise InvalidRequestError("a regular expression as grammar is not supported by this model server")
    schema = {"name": "answer", "schema": json.loads(grammar.text), "strict": True}
    return {"type": "json_schema", "json_schema": schema}


def _refusal(status: int, body: str) -> Exception:
    reason = _reason(body) or f"HTTP {status}"
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return OverloadedError()
    return InvalidRequestError(reason) if status in (400, 413, 422) else GenerationError(reason)


def _reason(body: str) -> str:
    """Servers say {"error": {"message": ...}}, {"error": "..."}, {"message": ...} or just text."""
    try:
        document = json.loads(body)
    except ValueError:
        return body[:500]
    error = document.get("error", document) if isinstance(document, dict) else document
    return str(error.get("message", error) if isinstance(error, dict) else error)


async def _steps(answer: httpx.Response) -> AsyncGenerator[Step]:
    reason, seen, counted = None, 0, None
    async for line in answer.aiter_lines():
        data = line.removeprefix("data:").strip()
        if not line.startswith("data:") or data == "[DONE]":
            continue
        event = _event(data)
        counted = (event.get("usage") or {}).get("completion_tokens", counted)
        for choice in event.get("choices") or ():
            token = _token(choice)
            if token is not None:
                seen += 1
                yield Step(token)
            reason = choice.get("finish_reason") or reason
    if reason is not None:
        yield Step(END, Finish(_finish_reason(reason), counted or seen))


def _event(data: str) -> dict[str, Any]:
    try:
        event = json.loads(data)
    except ValueError:
        raise GenerationError(f"the server sent an event that is not JSON: {data[:200]}") from None
    if not isinstance(event, dict) or "error" in event:
        raise GenerationError(_reason(data))
    return event


def _token(choice: dict[str, Any]) -> Token | None:
    text = choice.get("text") or (choice.get("delta") or {}).get("content")
    if not text:
        return None
    details = ((choice.get("logprobs") or {}).get("content") or [None])[0] if "delta" in choice else None
    if details is None:
        return Token(text)
    top = tuple(TopToken(top["token"], 0, top["logprob"]) for top in details.get("top_logprobs", ()))
    return Token(text, logprob=details["logprob"], top=top)


def _finish_reason(reason: str) -> FinishReason:
    return FinishReason.LENGTH if reason == "length" else FinishReason.END_OF_SEQUENCE
