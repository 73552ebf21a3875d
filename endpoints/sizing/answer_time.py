"""How long a whole answer may take: what SageMaker's ModelLatency can be held to.

A use case's latency target is the time to its *first* token. SageMaker measures no such time; ModelLatency covers every
token of an answer. So an alarm on it needs the time in which a whole answer keeps its promise.
"""

from __future__ import annotations

from endpoints.catalogue import CandidateRole, Catalogue, Environment, UseCase
from endpoints.catalogue.deployment import offered_candidates, users_of

MS_PER_OUTPUT_TOKEN = 50
"""20 tokens per second and request: twice as fast as people read."""

_SHARE_OF_ATTEMPT_PERCENT = 80


def variant_target_ms(
    catalogue: Catalogue, environment: Environment, use_case: UseCase, role: CandidateRole
) -> int:
    """What whole answers of one production variant may take: of those who use it, borrowers too, the most patient
    decides, because SageMaker's metrics do not tell whose request it was.
    """
    return max(
        answer_target_ms(user, candidates=len(offered_candidates(user, environment)))
        for user in users_of(use_case, role, catalogue.use_cases, environment)
    )


def answer_target_ms(use_case: UseCase, *, candidates: int) -> int:
    """The latency target and then the longest answer at reading pace, but at most 80 % of the time that the router
    gives the first of `candidates`: beyond that, requests are about to be cut off.
    """
    longest_ms = use_case.latency_target_ms + use_case.limits.max_output_tokens * MS_PER_OUTPUT_TOKEN
    attempt_ms = use_case.limits.timeout_ms // candidates
    return min(longest_ms, attempt_ms * _SHARE_OF_ATTEMPT_PERCENT // 100)
