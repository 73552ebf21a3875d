"""Everything that preflight wants to know about an account, gathered; what cannot be read is named with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeVar

from endpoints.adapters.account_capacity import endpoint_quotas, live_instances, offered_instance_types
from endpoints.adapters.account_clients import Account
from endpoints.adapters.account_images import image_digest
from endpoints.adapters.account_weights import Foundation, foundation, staged_snapshot
from endpoints.adapters.aws_errors import aws_errors
from endpoints.adapters.hub_access import snapshot_access, stored_token
from endpoints.errors import RemoteError
from endpoints.preflight import Fact, HubAccess, Plan, Snapshot, nothing_gathered
from endpoints.preflight.planned import repository_of, revision_of

T = TypeVar("T")
Progress = Callable[[str], None]


def gather(plan: Plan, account: Account, progress: Progress) -> Snapshot:
    """Ask the account and the Hub about everything that `plan` needs. What may not be read becomes a reason."""
    progress(f"asking whose credentials these are ({account.region})")
    try:
        _check_credentials(account)
    except RemoteError as error:
        progress(str(error).replace("\n", " "))
        return nothing_gathered(_reason(error))
    facts = _Facts(progress)
    types = plan.instance_types
    snapshot = Snapshot(
        quotas=facts.one(Fact.QUOTAS, "reading quotas", lambda: endpoint_quotas(account, types)),
        endpoints=facts.one(Fact.ENDPOINTS, "reading endpoints", lambda: live_instances(account)),
        offered=facts.one(Fact.OFFERED, "reading offerings", lambda: offered_instance_types(account, types)),
        images=_digests(plan, account, facts),
        reasons=facts.reasons,
    )
    return _with_foundation(snapshot, plan, account, facts)


class _Facts:
    """Asks, and keeps the reason of every failure."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.reasons: dict[Fact, str] = {}

    def one(self, fact: Fact, doing: str, ask: Callable[[], T]) -> T | None:
        """The answer; None when there is none."""
        self._progress(doing)
        try:
            return ask()
        except RemoteError as error:
            self.reasons[fact] = _reason(error)
            return None

    def each(self, fact: Fact, doing: str, keys: Iterable[str], ask: Callable[[str], T]) -> Mapping[str, T]:
        """Answers by key; a key without one is missing."""
        answers = {key: self.one(fact, f"{doing} {key}", partial(ask, key)) for key in keys}
        return {key: answer for key, answer in answers.items() if answer is not None}


def _digests(plan: Plan, account: Account, facts: _Facts) -> Mapping[str, str | None]:
    """Of every image, and of the tags of those that are pinned by digest."""
    answers = facts.each(
        Fact.IMAGES,
        "looking for",
        dict.fromkeys((*plan.images, *plan.tags.values())),
        lambda image: (image_digest(account, image),),
    )
    return {image: digest for image, (digest,) in answers.items()}


def _with_foundation(snapshot: Snapshot, plan: Plan, account: Account, facts: _Facts) -> Snapshot:
    name = plan.environment.name
    read = facts.one(Fact.WEIGHTS, "reading the foundation stack", lambda: (foundation(account, name),))
    if read is None:
        facts.reasons[Fact.HUB] = facts.reasons[Fact.WEIGHTS]
        return snapshot
    (found,) = read
    if found is None:
        facts.reasons[Fact.HUB] = "the foundation stack with the token's secret is not deployed"
        return replace(snapshot, weights={})
    return replace(
        snapshot,
        bucket=found.bucket,
        weights=facts.each(
            Fact.WEIGHTS,
            "listing the weights of",
            plan.weights_prefixes,
            partial(staged_snapshot, account, found.bucket),
        ),
        hub=_hub_access(plan, account, found, facts),
    )


def _hub_access(
    plan: Plan, account: Account, found: Foundation, facts: _Facts
) -> Mapping[str, HubAccess] | None:
    read = facts.one(
        Fact.HUB,
        "reading the stored Hugging Face token",
        lambda: (stored_token(account, found.token_secret),),
    )
    if read is None:
        return None
    (token,) = read
    return facts.each(
        Fact.HUB,
        "asking the Hub for",
        plan.gated_snapshots,
        lambda prefix: snapshot_access(
            repository_of(prefix), revision_of(prefix), token, hub_url=plan.environment.hub_url
        ),
    )


def _check_credentials(account: Account) -> None:
    with aws_errors("use the AWS credentials", endpoint_url=account.endpoint_url):
        account.client("sts").get_caller_identity()


def _reason(error: RemoteError) -> str:
    return error.message.rstrip(".").replace("\n", " ")
