"""What was gathered about an account before a deploy. None means not gathered; `reasons` says why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from endpoints.weights.manifest import Manifest


class Fact(StrEnum):
    """What can be gathered; the values are the fields of `AccountFacts`."""

    QUOTAS = "quotas"
    OFFERED = "offered"
    IMAGES = "images"
    ENDPOINTS = "endpoints"
    WEIGHTS = "weights"
    HUB = "hub"


class HubAccess(StrEnum):
    """Whether the Hub would hand out a snapshot to the owner of the stored token."""

    GRANTED = "granted"
    NO_TOKEN = "no token is stored"  # noqa: S105 - a state, not a token
    BAD_TOKEN = "the Hub refuses the stored token"  # noqa: S105 - a state, not a token
    TOKEN_SCOPE = "the stored token may not read gated models"  # noqa: S105 - a state, not a token
    NOT_ACCEPTED = "the token's owner has no access to the model"
    NOT_FOUND = "the Hub does not show the model to the token's owner"
    NO_REVISION = "the repository has no such commit"


@dataclass(frozen=True)
class Quota:
    """An applied account quota, in instances. `code` is Service Quotas' own: `L-1928E07B`."""

    code: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Staged:
    """What lies in the bucket of one snapshot: sizes by file name, and the manifest that makes it usable.

    `damage` says why a manifest that is there cannot be read.
    """

    sizes: Mapping[str, int] = field(default_factory=dict)
    manifest: Manifest | None = None
    damage: str | None = None


@dataclass(frozen=True, kw_only=True)
class AccountFacts:
    """Facts about one account and region; a key that is missing in a mapping was not gathered either.

    quotas     by instance type: how many instances endpoints may have; a type that Service Quotas lacks is missing
    offered    SageMaker instance types whose EC2 type the region offers
    images     by image URI: the digest of what the registry has behind it; None when it has nothing
    endpoints  by endpoint name: how many instances of which type it has now; every endpoint of account and region
    weights    by `<repository>/<commit sha>`: what is staged of it
    bucket     the weights' bucket; None when the foundation stack is not deployed
    hub        by `<repository>/<commit sha>`
    reasons    why a fact was not gathered, a sentence without a full stop
    """

    quotas: Mapping[str, Quota] | None = None
    offered: frozenset[str] | None = None
    images: Mapping[str, str | None] | None = None
    endpoints: Mapping[str, Mapping[str, int]] | None = None
    weights: Mapping[str, Staged] | None = None
    bucket: str | None = None
    hub: Mapping[str, HubAccess] | None = None
    reasons: Mapping[Fact, str] = field(default_factory=dict)

    def why_not(self, fact: Fact) -> str:
        """Why a fact is missing."""
        return self.reasons.get(fact, "not asked for")


def nothing_gathered(reason: str) -> AccountFacts:
    """Of an account that was not looked at."""
    return AccountFacts(reasons=dict.fromkeys(Fact, reason))


EMBEDDED: Final = AccountFacts(
    reasons={
        Fact.QUOTAS: "the embedded AWS has no Service Quotas",
        Fact.OFFERED: "the embedded AWS runs processes, no instances",
        Fact.IMAGES: "the embedded AWS runs local model servers, no images",
        Fact.ENDPOINTS: "the embedded AWS has no quotas to use up",
        Fact.WEIGHTS: "the embedded AWS stages at each deploy what it serves",
        Fact.HUB: "the embedded AWS serves models of its own Hub",
    }
)
"""On a laptop nothing of this has a meaning."""
