"""The lock that an environment should have, from the catalogue and the lock that it has. Pure: nobody is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from endpoints.catalogue import Candidate, CandidateRole, Catalogue, Container, Environment, UseCase
from endpoints.catalogue.deployment import offered_candidates
from endpoints.locks.schema import (
    Lock,
    LockedCandidate,
    LockedImage,
    LockedSettings,
    LockedSnapshot,
    PinnedBy,
)


@dataclass(frozen=True)
class StandIn:
    """What the embedded AWS serves in place of a model: `revision` is 40 hexadecimal digits of its content or recipe.

    `snapshot` may carry its files.
    """

    snapshot: LockedSnapshot

    @classmethod
    def named(cls, repository: str, revision: str) -> StandIn:
        """A stand-in of which the name is known, and not yet the files."""
        return cls(LockedSnapshot(repository=repository, revision=revision, licence=None, gated=False))


StandIns = Mapping[CandidateRole, StandIn]
NO_STAND_INS: Final[StandIns] = {}


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """Where a lock is to be made from. `previous` keeps what was moved by hand and what was recorded.

    `models` narrows it to candidates that mean or run one of these repositories; every other one stays as it is.
    """

    catalogue: Catalogue
    environment: Environment
    previous: Lock | None = None
    models: frozenset[str] | None = None
    stand_ins: StandIns = field(default_factory=lambda: NO_STAND_INS)

    def lock(self) -> Lock:
        """The lock, in canonical order."""
        candidates = [
            self._candidate(use_case, candidate)
            for use_case in self.catalogue.use_cases
            for candidate in offered_candidates(use_case, self.environment)
        ]
        return Lock.of(self.environment.name, map(self._snapshot, candidates), candidates)

    def _candidate(self, use_case: UseCase, candidate: Candidate) -> LockedCandidate:
        before = self.previous.candidate(use_case.id, candidate.role) if self.previous else None
        if before is not None and not self._concerns(candidate, before):
            return before
        stand_in = self.stand_ins.get(candidate.role)
        if stand_in is not None:
            snapshot, pinned_by = stand_in.snapshot, PinnedBy.CATALOGUE
            weights, revision = snapshot.repository, snapshot.revision
        elif before is not None and _moved(candidate, before):
            weights, revision, pinned_by = before.weights, before.revision, PinnedBy.LOCK
        else:
            weights, revision, pinned_by = candidate.weights_id, candidate.revision, PinnedBy.CATALOGUE
        container = self.catalogue.container(candidate.engine)
        return LockedCandidate(
            use_case=use_case.id,
            role=candidate.role,
            model=candidate.model_id,
            weights=weights,
            revision=revision,
            pinned_by=pinned_by,
            engine=candidate.engine,
            image=self._image(container),
            host_ami=container.host_ami,
            settings=settings_of(candidate),
        )

    def _concerns(self, candidate: Candidate, before: LockedCandidate) -> bool:
        names = {candidate.model_id, candidate.weights_id, before.model, before.weights}
        return self.models is None or not self.models.isdisjoint(names)

    def _image(self, container: Container) -> LockedImage:
        """The catalogue's tag; the digest that was recorded of it stays."""
        image = LockedImage(repository=container.repository, tag=container.tag)
        recorded = self.previous.candidates if self.previous else ()
        digests = {candidate.image.digest for candidate in recorded if _same_tag(candidate.image, image)}
        return image.model_copy(update={"digest": next(filter(None, digests), None)})

    def _snapshot(self, candidate: LockedCandidate) -> LockedSnapshot:
        recorded = self.previous.snapshot(candidate) if self.previous else None
        stand_in = self.stand_ins.get(candidate.role)
        if stand_in and (stand_in.snapshot.repository, stand_in.snapshot.revision) == candidate.source:
            return stand_in.snapshot
        return recorded or self._unrecorded(candidate)

    def _unrecorded(self, candidate: LockedCandidate) -> LockedSnapshot:
        facts = self.catalogue.by_model_id.get(candidate.weights)
        return LockedSnapshot(
            repository=candidate.weights,
            revision=candidate.revision,
            licence=facts.licence.id if facts else None,
            gated=facts.licence.gated if facts else None,
        )


def proposed(
    catalogue: Catalogue,
    environment: Environment,
    previous: Lock | None = None,
    *,
    stand_ins: StandIns = NO_STAND_INS,
) -> Lock:
    """What `adept lock` would write for `environment` if nobody could be asked."""
    return Proposal(
        catalogue=catalogue, environment=environment, previous=previous, stand_ins=stand_ins
    ).lock()


def settings_of(candidate: Candidate) -> LockedSettings:
    """What of a candidate changes its behaviour, besides bytes, image and host."""
    return LockedSettings(
        instance_type=candidate.instance_type,
        fallback_instance_types=candidate.fallback_instance_types,
        gpu_count=candidate.gpu_count,
        quantisation=candidate.quantisation,
        kv_cache_dtype=candidate.kv_cache_dtype,
        max_input_tokens=candidate.max_input_tokens,
        max_total_tokens=candidate.max_total_tokens,
        max_batch_prefill_tokens=candidate.max_batch_prefill_tokens,
        gpu_memory_fraction=candidate.gpu_memory_fraction,
        tool_call_parser=candidate.tool_call_parser,
    )


def _same_tag(one: LockedImage, other: LockedImage) -> bool:
    return (one.repository, one.tag) == (other.repository, other.tag)


def _moved(candidate: Candidate, before: LockedCandidate) -> bool:
    """Moved by hand, of weights that are still meant, and not where the catalogue has come to meanwhile."""
    by_hand = before.pinned_by is PinnedBy.LOCK and before.weights == candidate.weights_id
    return by_hand and before.revision != candidate.revision
