"""What an answer of the Hub means: a fault with what a person can do about it, or facts about a file.

Error codes as huggingface_hub reads them (`utils/_http.py`, hf_raise_for_status): `X-Error-Code` RepoNotFound,
RevisionNotFound, EntryNotFound, GatedRepo; a missing repository is answered 401 to whoever shows no token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lambdas.weights.errors import (
    HubAccessDenied,
    HubFileChanged,
    HubNotFound,
    HubTokenRefused,
    HubTruncated,
    HubUnavailable,
    StagingError,
)
from lambdas.weights.snapshot import FileFacts, Snapshot

_SAID_CHARS = 300
_BAD_TOKEN = "Invalid credentials in Authorization header"  # noqa: S105 - what the Hub says, not a secret
_DISABLED = "Access to this resource is disabled."


@dataclass(frozen=True)
class Asker:
    """Who asks for what: what a fault's message is made of. `environment` as `adept --env` takes it."""

    snapshot: Snapshot
    hub_url: str
    environment: str
    has_token: bool

    @property
    def page(self) -> str:
        return f"{self.hub_url}/{self.snapshot.repository}"

    @property
    def set_token(self) -> str:
        return f"adept token set --env {self.environment}"


def fault_of(status: int, headers: Mapping[str, str], asker: Asker, what: str) -> StagingError:
    """The fault that an answer of the Hub itself, other than 2xx, 3xx and 429, tells. Header names in lower case."""
    code = headers.get("x-error-code", "")
    said = headers.get("x-error-message", "")[:_SAID_CHARS]
    if code == "GatedRepo":
        return _gated(asker)
    if status == 401 and asker.has_token and (said == _BAD_TOKEN or code != "RepoNotFound"):
        return HubTokenRefused(
            f"The Hub refuses the stored token ({said or 'no reason given'}). "
            "It was revoked or has expired, or is no token of this Hub: store another one with "
            f"`{asker.set_token}`, or none with `adept token remove --env {asker.environment}`, then deploy again."
        )
    if status in (403, 451) or said == _DISABLED:
        return HubAccessDenied(
            f"The Hub gives no access to {what} ({said or f'status {status}'}). See {asker.page}; a fine-grained "
            f"token must be allowed to read it: mend the token, or store another one with `{asker.set_token}`."
        )
    if status in (401, 404):
        return _not_found(code, asker, what)
    if status == 416:
        return HubFileChanged(f"{what} is shorter on the Hub than recorded")
    return HubUnavailable(f"The Hub answered {status} for {what}{f' ({said})' if said else ''}")


def _gated(asker: Asker) -> HubAccessDenied:
    first = "" if asker.has_token else f"store that account's token with `{asker.set_token}`, and "
    owner = "as the owner of the token" if asker.has_token else "as the account whose token will be stored"
    return HubAccessDenied(
        f"{asker.snapshot.repository} is gated: open {asker.page} and accept the licence there {owner}, "
        f"{first}deploy again once the access is granted."
    )


def _not_found(code: str, asker: Asker, what: str) -> HubNotFound:
    if code == "RevisionNotFound":
        return HubNotFound(
            f"{asker.page} has no commit {asker.snapshot.revision}. "
            f"Pin one that it has: adept lock --env {asker.environment}"
        )
    if code == "EntryNotFound":
        return HubNotFound(f"{what} is not on the Hub. Record the files anew: adept lock")
    hidden = "" if asker.has_token else f"; a private one needs a token: `{asker.set_token}`"
    return HubNotFound(f"The Hub has no {asker.snapshot.repository} that this account can see{hidden}")


def cdn_fault(status: int, what: str) -> StagingError:
    """The fault of a host that the Hub redirects to. A refused address was signed for minutes: the next is new."""
    if status == 416:
        return HubTruncated(f"The CDN has fewer bytes of {what} than the Hub says")
    return HubUnavailable(f"The CDN answered {status} for {what}")


def check_facts(headers: Mapping[str, str], file: FileFacts, snapshot: Snapshot) -> None:
    """Raises `HubFileChanged` unless the Hub's own headers name the recorded commit and file.

    For an LFS file `X-Linked-Etag` is its sha256; for another the ETag is its git blob id.
    """
    commit = headers.get("x-repo-commit", "")
    if commit != snapshot.revision:
        raise HubFileChanged(
            f"{snapshot}: for {file.path} the Hub answers from commit {commit or '(none)'!r}"
        )
    etag = normalised_etag(headers.get("x-linked-etag") or headers.get("etag") or "")
    if etag not in (file.sha256, file.git_blob) or not etag:
        raise HubFileChanged(f"{snapshot}: {file.path} has ETag {etag!r} on the Hub, recorded is {file.etag}")


def normalised_etag(value: str) -> str:
    return value.removeprefix("W/").strip('"')
