"""The router's HTTP API, as the command line calls it."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx

from endpoints.adapters.chat_events import CUT_SHORT, ChatEvents
from endpoints.adapters.router_refusals import refusal
from endpoints.adapters.stack_outputs import RouterAccess
from endpoints.errors import RemoteError

TIMEOUT_S: Final = 35.0  # a use case answers or gives up before
_CHAT: Final = "/v1/chat/completions"


@dataclass(frozen=True)
class Answer:
    """What a use case answered.

    Token counts are None where the engine gave none; `latency_ms` is seen from here.
    """

    text: str
    use_case: str
    candidate: str
    model_id: str
    prompt_tokens: int | None
    completion_tokens: int | None
    attempts: int
    latency_ms: float
    finish_reason: str | None


def chat(
    access: RouterAccess,
    use_case: str,
    prompt: str,
    *,
    candidate: str | None = None,
    system: str | None = None,
    max_tokens: int | None = None,
    temperature: float | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Answer:
    """Ask a use case, or one of its candidates alone. Raises `RemoteError` with the API's own message."""
    body = chat_body(prompt, system=system, max_tokens=max_tokens, temperature=temperature)
    body["model"] = _model(use_case, candidate)
    started_s = time.perf_counter()
    response = _post(access, _CHAT, body, timeout_s)
    return _answer(response, use_case, _since_ms(started_s))


def chat_body(
    prompt: str, *, system: str | None = None, max_tokens: int | None = None, temperature: float | None = None
) -> dict[str, Any]:
    """A chat request without `model` and `stream`."""
    messages = [{"role": "system", "content": system}] if system else []
    options = {"max_tokens": max_tokens, "temperature": temperature}
    given = {name: value for name, value in options.items() if value is not None}
    return {"messages": [*messages, {"role": "user", "content": prompt}], **given}


class AnswerStream(ChatEvents):
    """Pieces of the answer's text, once, as the router sends them; what is known of it is known afterwards.

    Iterating raises `RemoteError` when the API refuses, or the answer breaks off.
    """

    def __init__(self, access: RouterAccess, body: Mapping[str, Any], timeout_s: float) -> None:
        super().__init__()
        self._access = access
        self._body = body
        self._timeout_s = timeout_s
        self.ttft_ms: float | None = None  # to the first piece of text
        self.latency_ms: float | None = None  # to the end
        self.candidate: str | None = None
        self.model_id: str | None = None
        self.attempts: str | None = None

    def __iter__(self) -> Iterator[str]:
        started_s = time.perf_counter()
        with _asking(self._access, self._timeout_s) as client:
            request = client.build_request("POST", self._access.base_url + _CHAT, json=self._body)
            response = client.send(request, stream=True, auth=self._access.auth)
            try:
                self._begin(response)
                for text in self.texts(response.iter_bytes()):
                    if self.ttft_ms is None:
                        self.ttft_ms = _since_ms(started_s)
                    yield text
            except httpx.RemoteProtocolError as error:
                raise RemoteError("The router broke the stream off.", remedy=CUT_SHORT) from error
            finally:
                response.close()
        self.latency_ms = _since_ms(started_s)

    def _begin(self, response: httpx.Response) -> None:
        if response.is_error:
            response.read()
            raise refusal(response)
        headers = response.headers
        self.candidate, self.model_id = headers.get("x-adept-candidate"), headers.get("x-adept-model")
        self.attempts = headers.get("x-adept-attempts")


def stream_chat(
    access: RouterAccess,
    use_case: str,
    prompt: str,
    *,
    candidate: str | None = None,
    max_tokens: int | None = None,
    timeout_s: float = TIMEOUT_S,
) -> AnswerStream:
    """Prepare a stream; nothing is sent before it is iterated. `timeout_s` bounds the wait for the next piece."""
    body = chat_body(prompt, max_tokens=max_tokens)
    body |= {"model": _model(use_case, candidate), "stream": True, "stream_options": {"include_usage": True}}
    return AnswerStream(access, body, timeout_s)


def _model(use_case: str, candidate: str | None) -> str:
    return f"{use_case}:{candidate}" if candidate else use_case


def _post(access: RouterAccess, path: str, body: Mapping[str, Any], timeout_s: float) -> httpx.Response:
    with _asking(access, timeout_s) as client:
        response = client.post(access.base_url + path, json=body, auth=access.auth)
    if response.is_error:
        raise refusal(response)
    return response


@contextmanager
def _asking(access: RouterAccess, timeout_s: float) -> Iterator[httpx.Client]:
    """A client for one request; httpx's errors become `RemoteError`."""
    # A proxy that the environment names must not stand between this machine and itself.
    trust_env = not _is_loopback(httpx.URL(access.base_url).host)
    with httpx.Client(timeout=timeout_s, trust_env=trust_env) as client:
        try:
            yield client
        except httpx.TimeoutException as error:
            raise RemoteError(
                f"The router at {access.base_url} gave no answer in {timeout_s:g} s."
            ) from error
        except httpx.HTTPError as error:
            raise RemoteError(f"The router at {access.base_url} cannot be reached: {error}.") from error


def _since_ms(started_s: float) -> float:
    return round((time.perf_counter() - started_s) * 1000, 1)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _answer(response: httpx.Response, use_case: str, latency_ms: float) -> Answer:
    headers = response.headers
    try:
        document = response.json()
        choice, usage = document["choices"][0], document.get("usage") or {}
        return Answer(
            text=choice["message"]["content"] or "",
            use_case=headers.get("x-adept-use-case", use_case),
            candidate=headers["x-adept-candidate"],
            model_id=headers["x-adept-model"],
            prompt_tokens=usage.get("prompt_tokens"),
            completion_tokens=usage.get("completion_tokens"),
            attempts=int(headers["x-adept-attempts"]),
            latency_ms=latency_ms,
            finish_reason=choice.get("finish_reason"),
        )
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise RemoteError(
            f"{response.url.host} answered 200, but not as the router does: {response.text[:200]!r}",
            remedy="Is another server at this address? Deploy the router stack again.",
        ) from error
