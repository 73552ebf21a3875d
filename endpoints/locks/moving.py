"""Moving models of a lock to another commit than the catalogue pins, and back. Pure."""

from __future__ import annotations

from endpoints.catalogue import Catalogue, Environment
from endpoints.errors import LockError
from endpoints.locks.schema import Lock, LockedCandidate, LockedSnapshot, PinnedBy


def candidates_of(lock: Lock, model: str) -> tuple[LockedCandidate, ...]:
    """Candidates that mean `model` or run it. Raises LockError when there is none."""
    found = tuple(one for one in lock.candidates if model in (one.model, one.weights))
    if not found:
        raise LockError(
            f"{lock.environment} runs no {model}",
            remedy=f"It runs: {', '.join(sorted({one.model for one in lock.candidates}))}.",
        )
    return found


def moved_repository(lock: Lock, model: str) -> str:
    """The repository that a revision of `model` belongs to. Raises LockError when it is none, or not only one."""
    repositories = sorted({one.weights for one in candidates_of(lock, model)})
    if len(repositories) > 1:
        raise LockError(
            f"{lock.environment} runs {model} from {len(repositories)} repositories; a revision belongs to one",
            remedy=f"Name the repository: --model with one of {', '.join(repositories)}.",
        )
    return repositories[0]


def moved(
    lock: Lock, catalogue: Catalogue, environment: Environment, repository: str, revision: str | None
) -> Lock:
    """Every candidate that runs `repository` at `revision`, a full commit; every other one as it is.

    None, which is for sandboxes that load from the Hub, is whatever the repository holds. Raises LockError elsewhere.
    """
    if revision is None and not environment.load_from_hub:
        raise LockError(
            f"{environment.name} cannot do without a commit",
            remedy="Only a sandbox with load_from_hub can (endpoints/catalogue/environments.yaml): name a --revision.",
        )
    candidates = [
        _moved(one, catalogue, revision) if one.weights == repository else one for one in lock.candidates
    ]
    before = next(one for one in lock.snapshots if one.repository == repository)
    snapshot = LockedSnapshot(
        repository=repository, revision=revision, licence=before.licence, gated=before.gated
    )
    return Lock.of(lock.environment, [snapshot, *lock.snapshots], candidates)


def _moved(candidate: LockedCandidate, catalogue: Catalogue, revision: str | None) -> LockedCandidate:
    pin = catalogue.use_case(candidate.use_case).candidate(candidate.role).revision
    pinned_by = PinnedBy.CATALOGUE if revision == pin else PinnedBy.LOCK
    return candidate.model_copy(update={"revision": revision, "pinned_by": pinned_by})


def with_snapshots(lock: Lock, *snapshots: LockedSnapshot) -> Lock:
    """The same lock, with what is said of these snapshots in place of what it said."""
    return Lock.of(lock.environment, [*lock.snapshots, *snapshots], lock.candidates)


def with_digest(lock: Lock, repository: str, tag: str, digest: str) -> Lock:
    """The same lock, with the digest of an image."""
    candidates = [
        one.model_copy(update={"image": one.image.model_copy(update={"digest": digest})})
        if (one.image.repository, one.image.tag) == (repository, tag)
        else one
        for one in lock.candidates
    ]
    return Lock.of(lock.environment, lock.snapshots, candidates)
