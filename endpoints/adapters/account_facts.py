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
from endpoints.preflight import AccountFacts, Fact, HubAccess, Plan, nothing_gathered
from endpoints.preflight.planned import repository_of, revision_of

T = TypeVar("T")
Progress = Callable[[str], None]


def gather(plan: Plan, account: Account, progress: Progress) -> AccountFacts:
    """Ask the account and the Hub about everything that `plan` needs. What may not be read becomes a reason."""
    progress(f"asking whose credentials these are ({account.region})")
    try:
        _check_credentials(account)
    except RemoteError as error:
        progress(str(error).replace("\n", " "))
        return nothing_gathered(_reason(error))
    questions = _Questions(progress)
    types = plan.instance_types
    facts = AccountFacts(
        quotas=questions.one(Fact.QUOTAS, "reading quotas", lambda: endpoint_quotas(account, types)),
        endpoints=questions.one(Fact.ENDPOINTS, "reading endpoints", lambda: live_instances(account)),
        offered=questions.one(
            Fact.OFFERED, "reading offerings", lambda: offered_instance_types(account, types)
        ),
        images=_digests(plan, account, questions),
        reasons=questions.reasons,
    )
    return _with_foundation(facts, plan, account, questions)


class _Questions:
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


def _digests(plan: Plan, account: Account, questions: _Questions) -> Mapping[str, str | None]:
    """Of every image, and of the tags of those that are pinned by digest."""
    answers = questions.each(
        Fact.IMAGES,
        "looking for",
        dict.fromkeys((*plan.images, *plan.tags.values())),
        lambda image: (image_digest(account, image),),
    )
    return {image: digest for image, (digest,) in answers.items()}


def _with_foundation(
    facts: AccountFacts, plan: Plan, account: Account, questions: _Questions
) -> AccountFacts:
    name = plan.environment.name
    read = questions.one(Fact.WEIGHTS, "reading the foundation stack", lambda: (foundation(account, name),))
    if read is None:
        questions.reasons[Fact.HUB] = questions.reasons[Fact.WEIGHTS]
        return facts
    (found,) = read
    if found is None:
        questions.reasons[Fact.HUB] = "the foundation stack with the token's secret is not deployed"
        return replace(facts, weights={})
    return replace(
        facts,
        bucket=found.bucket,
        weights=questions.each(
            Fact.WEIGHTS,
            "listing the weights of",
            plan.weights_prefixes,
            partial(staged_snapshot, account, found.bucket),
        ),
        hub=_hub_access(plan, account, found, questions),
    )


def _hub_access(
    plan: Plan, account: Account, found: Foundation, questions: _Questions
) -> Mapping[str, HubAccess] | None:
    read = questions.one(
        Fact.HUB,
        "reading the stored Hugging Face token",
        lambda: (stored_token(account, found.token_secret),),
    )
    if read is None:
        return None
    (token,) = read
    return questions.each(
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
