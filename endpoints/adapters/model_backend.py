"""Somebody else's OpenAI-compatible server: is it there, and does it have the model?"""

from __future__ import annotations

from collections.abc import Iterable

import httpx

from endpoints.errors import RemoteError

_TIMEOUT_S = 5.0


def require_model(base_url: str, model: str, *, api_key: str | None = None) -> None:
    """Raise `RemoteError` when nothing answers at `base_url` (it ends in /v1), or it does not list `model`.

    A server that has no list of models is given the benefit of the doubt.
    """
    headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        answer = httpx.get(f"{base_url}/models", headers=headers, timeout=_TIMEOUT_S)
    except httpx.HTTPError as error:
        raise RemoteError(
            f"no model server answers at {base_url} ({type(error).__name__})",
            remedy="Start it, or give the base URL of its OpenAI API, such as http://localhost:11434/v1.",
        ) from error
    listed = _listed(answer)
    if listed and not is_served(model, listed):
        raise RemoteError(
            f"the server at {base_url} has no model {model!r}",
            remedy=f"It has: {', '.join(sorted(listed)[:12])}.",
        )


def is_served(model: str, listed: Iterable[str]) -> bool:
    """Whether a server that lists these answers to `model`: Ollama reads it as `model:latest`, and as no other tag."""
    return not {model, f"{model}:latest"}.isdisjoint(listed)


def _listed(answer: httpx.Response) -> set[str]:
    try:
        return {str(entry["id"]) for entry in answer.raise_for_status().json()["data"]}
    except (httpx.HTTPStatusError, ValueError, KeyError, TypeError):
        return set()
