"""What can go wrong while a snapshot is staged. A class's name is the error's name in Step Functions.

StagingError
├── BadRequest         the request itself; nothing was begun
├── HubTokenRefused    401: the Hub does not know the stored token (any longer)
├── HubAccessDenied    403, or gated: the token's owner may not read the repository
├── HubNotFound        404: no such repository, commit or file
├── HubRateLimited     429, for longer than a step can wait
├── HubUnavailable     5xx, no connection, no answer in time
├── HubTruncated       fewer or other bytes than were asked for
├── HubFileChanged     the Hub's commit, size or digest is not the recorded one
├── DigestMismatch     the bytes are not those that the digest says
└── StagingLost        what was staged is gone: an upload or an object that somebody else removed

`FINAL` errors end a stage, because only a person can mend them; after `StagingLost` it is planned anew a few times.
Whatever it was, a new attempt goes on where this one stopped: bytes that are not the right ones are never proved.
"""

from __future__ import annotations

import re

MESSAGE_CHARS = 1500


class StagingError(Exception):
    """`str()` is for people and for CloudFormation's events: what was wrong, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(without_secrets(message)[:MESSAGE_CHARS])


class BadRequest(StagingError):
    """The request itself; nothing was begun."""


class HubTokenRefused(StagingError):
    """The Hub does not know the stored token (any longer)."""


class HubAccessDenied(StagingError):
    """The token's owner may not read the repository."""


class HubNotFound(StagingError):
    """No such repository, commit or file."""


class HubRateLimited(StagingError):
    """The Hub wants fewer requests, for longer than a step can wait."""


class HubUnavailable(StagingError):
    """The Hub or its CDN failed, could not be reached or did not answer in time."""


class HubTruncated(StagingError):
    """Fewer or other bytes than were asked for."""


class HubFileChanged(StagingError):
    """The Hub's commit, size or digest of a file is not the recorded one."""


class DigestMismatch(StagingError):
    """The bytes are not those that the digest says."""


class StagingLost(StagingError):
    """What was staged is gone: an upload or an object that somebody else removed."""


FINAL = frozenset(
    error.__name__
    for error in (
        BadRequest,
        HubTokenRefused,
        HubAccessDenied,
        HubNotFound,
        HubFileChanged,
        DigestMismatch,
        StagingLost,
    )
)

_TOKEN = re.compile(r"hf_\w+")
_QUERY = re.compile(r"(https?://[^\s?\"']+)\?[^\s\"']*")


def without_secrets(text: str) -> str:
    """`text` without tokens, and without the query strings of addresses, which carry signatures."""
    return _QUERY.sub(r"\1", _TOKEN.sub("hf_***", text))
