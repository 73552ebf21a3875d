"""Does every candidate fit its instances, and does the environment fit its budget?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from endpoints.catalogue import Candidate, InstanceFacts, UseCase
from endpoints.errors import CatalogueError
from endpoints.findings import Finding, Severity
from endpoints.preflight.planned import Plan, PlannedVariant
from endpoints.sizing import candidate_fit
from endpoints.sizing.memory import GIB

MEMORY: Final = "memory"


def memory(plan: Plan) -> Iterator[Finding]:
    """A model without room for its cache dies at its start, or queues what it was sized for."""
    for endpoint in plan.endpoints:
        for variant in endpoint.variants:
            meant = plan.candidate_of(endpoint, variant)
            if meant is not None:
                for instance_type in variant.instance_types:
                    yield from _fit(plan, variant, *meant, instance_type)


def _fit(
    plan: Plan, variant: PlannedVariant, use_case: UseCase, candidate: Candidate, instance_type: str
) -> Iterator[Finding]:
    facts = plan.catalogue.by_instance_type.get(instance_type)
    if facts is not None and facts.gpu_count < candidate.gpu_count:
        yield _too_few_cards(variant, candidate, facts)
        return
    placed = candidate.model_copy(update={"instance_type": instance_type})
    try:
        fit = candidate_fit(plan.catalogue, use_case, placed)
    except CatalogueError as error:
        yield Finding(
            check=MEMORY,
            severity=Severity.WARNING,
            where=variant.where,
            found=f"unknown whether {candidate.weights_id} fits {instance_type}: {error.message}",
            remedy=error.remedy,
        )
        return
    if not fit.fits:
        yield Finding(
            check=MEMORY,
            severity=Severity.BLOCKER,
            where=variant.where,
            found=(
                f"{candidate.weights_id} ({candidate.quantisation}) on {instance_type}: {_gib(fit.weights_bytes)} of "
                f"weights on each card of {_gib(fit.usable_bytes)} leave room for {fit.tokens_available:,} tokens"
            ),
            expected=(
                f"{fit.tokens_needed:,} tokens: {use_case.scaling.requests_in_flight_per_instance} requests in "
                f"flight of {candidate.max_total_tokens:,}"
            ),
            remedy=(
                "In use_cases.yaml: a larger instance, a quantised form, fewer requests in flight or shorter ones."
            ),
        )


def _too_few_cards(variant: PlannedVariant, candidate: Candidate, facts: InstanceFacts) -> Finding:
    return Finding(
        check=MEMORY,
        severity=Severity.BLOCKER,
        where=variant.where,
        found=f"{candidate.weights_id} is split among {candidate.gpu_count} cards; {facts.instance_type} has "
        f"{facts.gpu_count}",
        expected=f"an instance type with {candidate.gpu_count} cards",
        remedy="Correct the candidate's instance_type and gpu_count in use_cases.yaml, and its stand-ins.",
    )


def _gib(size_bytes: float) -> str:
    return f"{size_bytes / GIB:.1f} GiB"
