"""The catalogue as an environment's lock fixes it: what its stacks are built from, and what is checked of them."""

from __future__ import annotations

from endpoints.catalogue import Candidate, Catalogue, Container, Environment, UseCase
from endpoints.catalogue.deployment import offered_candidates
from endpoints.errors import LockError
from endpoints.locks.agreement import require_agreement
from endpoints.locks.schema import Lock, LockedSnapshot


def locked(catalogue: Catalogue, environment: Environment, lock: Lock) -> Catalogue:
    """`catalogue` with the commits, image digests and host AMIs of `lock`. Raises DisagreementError."""
    require_agreement(catalogue, environment, lock)
    return catalogue.model_copy(
        update={
            "use_cases": tuple(_use_case(use_case, environment, lock) for use_case in catalogue.use_cases),
            "containers": tuple(_container(container, lock) for container in catalogue.containers),
        }
    )


def snapshot_of(lock: Lock, use_case: UseCase, candidate: Candidate) -> LockedSnapshot:
    """The bytes that `candidate` runs. Raises LockError when the lock does not have it."""
    found = lock.candidate(use_case.id, candidate.role)
    snapshot = lock.snapshot(found) if found else None
    if snapshot is None:
        raise LockError(
            f"the lock of {lock.environment} has no {candidate.role} candidate of {use_case.id}",
            remedy=f"Lock it again: adept lock --env {lock.environment}",
        )
    return snapshot


def _use_case(use_case: UseCase, environment: Environment, lock: Lock) -> UseCase:
    """Stand-ins leave the candidate as it is: it is still what is meant, sized and priced."""
    offered = offered_candidates(use_case, environment)
    commits = {
        candidate.role: found.revision
        for candidate in offered
        if (found := lock.candidate(use_case.id, candidate.role)) and found.weights == candidate.weights_id
    }
    candidates = tuple(
        candidate.model_copy(update={"revision": commits.get(candidate.role) or candidate.revision})
        for candidate in use_case.candidates
    )
    return use_case.model_copy(update={"candidates": candidates})


def _container(container: Container, lock: Lock) -> Container:
    image = next((one.image for one in lock.candidates if one.engine is container.engine), None)
    return container.model_copy(update={"digest": image.digest if image else None})
