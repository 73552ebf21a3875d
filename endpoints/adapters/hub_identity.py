"""Whose token it is, and of which kind, as far as the Hub says.

Errors of the Hub's client carry the request with its headers: none is kept as a cause, and no token is part of a value
or a message that leaves this module.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from huggingface_hub import HfApi
from huggingface_hub.errors import OfflineModeIsEnabled

from endpoints.adapters.hub import HubOfflineError
from endpoints.errors import RemoteError
from endpoints.weights.token import token_fault

TIMEOUT_S: Final = 15.0
PUBLIC_HUB: Final = "https://huggingface.co"
_REFUSED: Final = frozenset({401, 403})


class TokenKind(StrEnum):
    """The Hub's kinds of access tokens."""

    READ = "read"
    WRITE = "write"
    FINE_GRAINED = "fine-grained"
    OTHER = "of another kind"


@dataclass(frozen=True)
class HubIdentity:
    """The owner of a token, and what the Hub says of the token itself.

    `reads_gated` is False for a fine-grained token without access to gated repositories, and None where the Hub says
    nothing; a read or write token reads whatever its owner may read. `scopes` are the Hub's own words.
    """

    name: str
    kind: TokenKind
    token_name: str | None
    organisations: tuple[str, ...]
    reads_gated: bool | None
    scopes: tuple[str, ...]


class TokenRefusedError(RemoteError):
    """The Hub does not know the token, or does not let it in."""


def hub_identity(token: str, *, hub_url: str = PUBLIC_HUB) -> HubIdentity:
    """Ask the Hub who it is. Raises `TokenRefusedError`; `RemoteError` when the Hub does not answer or is not asked."""
    if fault := token_fault(token, of_the_hub=hub_url == PUBLIC_HUB):
        raise TokenRefusedError(f"this is no Hugging Face token: it {fault}", remedy=_new_token(hub_url))
    answer = _whoami(token, hub_url)
    if isinstance(answer, Mapping):
        return _identity(answer)
    # Raised here, out of reach of the client's own error, which holds the request and so the token.
    if answer in _REFUSED:
        raise TokenRefusedError(
            f"the Hub at {hub_url} refuses the token (HTTP {answer}): it is mistyped, expired or revoked",
            remedy=_new_token(hub_url),
        )
    if answer == OfflineModeIsEnabled.__name__:
        raise HubOfflineError
    reason = f"HTTP {answer}" if isinstance(answer, int) else answer
    raise RemoteError(
        f"the Hugging Face Hub does not answer ({hub_url}: {reason})",
        remedy="Check the network and HTTPS_PROXY, or try again later.",
    )


def _whoami(token: str, hub_url: str) -> Mapping[str, Any] | int | str:
    """The Hub's document, or the status or the kind of error that came instead.

    In a thread that can be left behind, because the Hub's client waits for this answer without end.
    """
    answers: queue.SimpleQueue[Mapping[str, Any] | int | str] = queue.SimpleQueue()
    threading.Thread(target=lambda: answers.put(_ask(token, hub_url)), daemon=True).start()
    try:
        return answers.get(timeout=TIMEOUT_S)
    except queue.Empty:
        return f"no answer in {TIMEOUT_S:g} s"


def _ask(token: str, hub_url: str) -> Mapping[str, Any] | int | str:
    try:
        return HfApi(endpoint=hub_url).whoami(token=token)
    except Exception as error:  # noqa: BLE001 - the Hub's client lets errors of its own HTTP library through
        response = getattr(error, "response", None)
        return type(error).__name__ if response is None else int(response.status_code)


def _identity(document: Mapping[str, Any]) -> HubIdentity:
    token = _mapping(_mapping(document.get("auth")).get("accessToken"))
    kind = {"read": TokenKind.READ, "write": TokenKind.WRITE, "fineGrained": TokenKind.FINE_GRAINED}.get(
        str(token.get("role")), TokenKind.OTHER
    )
    rights = _mapping(token.get("fineGrained"))
    return HubIdentity(
        name=str(document.get("name", "somebody without a name")),
        kind=kind,
        token_name=str(token["displayName"]) if token.get("displayName") else None,
        organisations=tuple(str(_mapping(one).get("name")) for one in document.get("orgs") or ()),
        reads_gated=_reads_gated(kind, rights),
        scopes=tuple(_scopes(rights)),
    )


def _reads_gated(kind: TokenKind, rights: Mapping[str, Any]) -> bool | None:
    if kind is not TokenKind.FINE_GRAINED:
        return True if kind in (TokenKind.READ, TokenKind.WRITE) else None
    said = rights.get("canReadGatedRepos")
    return said if isinstance(said, bool) else None


def _scopes(rights: Mapping[str, Any]) -> Iterable[str]:
    """`global: discussion.write`, `user somebody: repo.content.read`."""
    if rights.get("global"):
        yield f"global: {', '.join(str(right) for right in rights['global'])}"
    for scope in map(_mapping, rights.get("scoped") or ()):
        entity, allowed = _mapping(scope.get("entity")), scope.get("permissions")
        what = " ".join(str(entity[part]) for part in ("type", "name") if entity.get(part))
        if what and allowed:
            yield f"{what}: {', '.join(str(right) for right in allowed)}"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _new_token(hub_url: str) -> str:
    return f"Make a token that reads gated repositories at {hub_url}/settings/tokens, and give that."
