"""The router's HTTP API, as the command line calls it."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from endpoints.adapters.stack_outputs import RouterAccess
from endpoints.errors import RemoteError

TIMEOUT_S: Final = 35.0  # API Gateway gives up after 29 s
_REMEDIES: Final = {
    401: "The API key was refused: was the stack deployed again since? Run this again.",
    403: "The API key was refused: was the stack deployed again since? Run this again.",
    404: "See what there is: adept use-cases",
    429: "Wait a moment and run this again; the usage plan's limits are in the catalogue's environments.",
    503: "The endpoint is not ready: adept local status, or the endpoint's state in SageMaker.",
}


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
    body["model"] = f"{use_case}:{candidate}" if candidate else use_case
    started_s = time.perf_counter()
    response = _post(access, "/v1/chat/completions", body, timeout_s)
    latency_ms = (time.perf_counter() - started_s) * 1000
    return _answer(response, use_case, latency_ms)


def chat_body(
    prompt: str, *, system: str | None = None, max_tokens: int | None = None, temperature: float | None = None
) -> dict[str, Any]:
    """A chat request without `model` and `stream`."""
    messages = [{"role": "system", "content": system}] if system else []
    options = {"max_tokens": max_tokens, "temperature": temperature}
    given = {name: value for name, value in options.items() if value is not None}
    return {"messages": [*messages, {"role": "user", "content": prompt}], **given}


def _post(access: RouterAccess, path: str, body: Mapping[str, Any], timeout_s: float) -> httpx.Response:
    url = httpx.URL(access.base_url + path)
    # A proxy that the environment names must not stand between this machine and itself.
    with httpx.Client(timeout=timeout_s, trust_env=not _is_loopback(url.host)) as client:
        try:
            response = client.post(url, json=body, headers={"x-api-key": access.api_key})
        except httpx.TimeoutException as error:
            raise RemoteError(
                f"The router at {access.base_url} gave no answer in {timeout_s:g} s."
            ) from error
        except httpx.HTTPError as error:
            raise RemoteError(f"The router at {access.base_url} cannot be reached: {error}.") from error
    if response.is_error:
        raise _refused(response)
    return response


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refused(response: httpx.Response) -> RemoteError:
    message = f"The router answered {response.status_code}: {_error_message(response)}"
    return RemoteError(message, remedy=_REMEDIES.get(response.status_code))


def _error_message(response: httpx.Response) -> str:
    """OpenAI's error object, API Gateway's own `message`, or whatever came."""
    try:
        document = response.json()
    except ValueError:
        return response.text[:300] or "no message"
    if not isinstance(document, dict):
        return response.text[:300]
    error = document.get("error", document)
    text = error.get("message") if isinstance(error, dict) else error
    return str(text or response.text[:300])


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
