"""Does a lock say what the catalogue means? Every disagreement at once, and nothing is synthesised on one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from endpoints.catalogue import Candidate, Catalogue, Environment, UseCase
from endpoints.catalogue.deployment import offered_candidates
from endpoints.errors import LockError
from endpoints.locks.proposing import NO_STAND_INS, StandIns, settings_of
from endpoints.locks.schema import Lock, LockedCandidate, LockedSettings, PinnedBy


@dataclass(frozen=True)
class Disagreement:
    """One thing that the lock and the catalogue say differently. `candidate` is `<use case> (<role>)`."""

    candidate: str
    field: str
    locked: str
    meant: str

    def __str__(self) -> str:
        return (
            f"{self.candidate}: {self.field}: the lock says {self.locked}; the catalogue means {self.meant}"
        )


class DisagreementError(LockError):
    """A lock is not the environment's any more; `disagreements` holds everything that differs."""

    def __init__(self, environment: str, disagreements: tuple[Disagreement, ...]) -> None:
        self.disagreements = disagreements
        count = "1 disagreement" if len(disagreements) == 1 else f"{len(disagreements)} disagreements"
        super().__init__(
            f"{count} between the lock of {environment} and the catalogue:\n"
            + "\n".join(f"  {one}" for one in disagreements),
            remedy=f"Lock it again and review what changes (adept lock --env {environment}), or change the catalogue.",
        )


def disagreements(
    catalogue: Catalogue, environment: Environment, lock: Lock, *, stand_ins: StandIns = NO_STAND_INS
) -> tuple[Disagreement, ...]:
    """What is to be mended before `environment` can be built from `lock`, by use case. Empty: nothing.

    On the embedded AWS anything may stand in for a model; with `stand_ins` it must be those.
    """
    return tuple(_Comparison(catalogue, environment, lock, stand_ins).run())


def require_agreement(catalogue: Catalogue, environment: Environment, lock: Lock) -> None:
    """Raises DisagreementError with every disagreement."""
    found = disagreements(catalogue, environment, lock)
    if found:
        raise DisagreementError(environment.name, found)


@dataclass(frozen=True)
class _Comparison:
    catalogue: Catalogue
    environment: Environment
    lock: Lock
    stand_ins: StandIns

    def run(self) -> Iterator[Disagreement]:
        meant = {
            (use_case.id, candidate.role): (use_case, candidate)
            for use_case in self.catalogue.use_cases
            for candidate in offered_candidates(use_case, self.environment)
        }
        for place, (use_case, candidate) in meant.items():
            locked = self.lock.candidate(*place)
            if locked is None:
                yield Disagreement(_name(*place), "candidate", "nothing", candidate.model_id)
            else:
                yield from self._candidate(use_case, candidate, locked)
        for place, locked in self.lock.by_place.items():
            if place not in meant:
                yield Disagreement(_name(*place), "candidate", locked.model, "nothing")
        yield from self._digests()

    def _candidate(
        self, use_case: UseCase, candidate: Candidate, locked: LockedCandidate
    ) -> Iterator[Disagreement]:
        name = _name(use_case.id, candidate.role)
        container = self.catalogue.container(candidate.engine)
        pairs: dict[str, tuple[object, object]] = {
            "model": (locked.model, candidate.model_id),
            **self._bytes(candidate, locked),
            "engine": (locked.engine, candidate.engine),
            "image": (
                f"{locked.image.repository}:{locked.image.tag}",
                f"{container.repository}:{container.tag}",
            ),
            "host AMI": (locked.host_ami, container.host_ami),
            **_settings(locked.settings, settings_of(candidate)),
            **self._lender(candidate, locked),
        }
        for field, (found, meant) in pairs.items():
            if found != meant:
                yield Disagreement(name, field, _text(found), _text(meant))
        yield from self._commit(name, locked)
        yield from self._gate(name, locked)

    def _bytes(self, candidate: Candidate, locked: LockedCandidate) -> dict[str, tuple[object, object]]:
        stand_in = self.stand_ins.get(candidate.role)
        if stand_in is not None:
            meant = stand_in.snapshot
            return {
                "stand-in": (locked.weights, meant.repository),
                "stand-in's revision": (locked.revision, meant.revision),
            }
        if self.environment.embedded:
            return {}
        pairs: dict[str, tuple[object, object]] = {"weights": (locked.weights, candidate.weights_id)}
        if locked.pinned_by is PinnedBy.CATALOGUE:
            pairs["revision"] = (locked.revision, candidate.revision)
        return pairs

    def _lender(self, candidate: Candidate, locked: LockedCandidate) -> dict[str, tuple[object, object]]:
        """What is borrowed runs once, so it cannot be locked twice in different ways."""
        if candidate.borrowed_from is None:
            return {}
        lent = self.lock.candidate(candidate.borrowed_from, candidate.role)
        if lent is None:
            return {}
        return {f"commit, borrowed from {candidate.borrowed_from}": (locked.source, lent.source)}

    def _digests(self) -> Iterator[Disagreement]:
        """A tag means one image in one environment."""
        digests: dict[str, set[str]] = {}
        for candidate in self.lock.candidates:
            image = candidate.image
            digests.setdefault(f"{image.repository}:{image.tag}", set()).add(str(image.digest))
        for tag, found in digests.items():
            if len(found) > 1:
                yield Disagreement(tag, "digest", " and ".join(sorted(found)), "one image")

    def _commit(self, name: str, locked: LockedCandidate) -> Iterator[Disagreement]:
        if locked.revision is not None or self.environment.load_from_hub:
            return
        if self.environment.sandbox:
            # Staged bytes lie under their commit; only the Hub itself can serve "whatever there is".
            meant = "a full commit, or load_from_hub in environments.yaml"
        else:
            meant = "a full commit (adept lock --model MODEL --revision SHA): only a sandbox may do without"
        yield Disagreement(name, "revision", "none", meant)

    def _gate(self, name: str, locked: LockedCandidate) -> Iterator[Disagreement]:
        """A gated model needs a token, and no container gets one."""
        if not self.environment.load_from_hub:
            return
        snapshot = self.lock.snapshot(locked)
        facts = self.catalogue.by_model_id.get(locked.weights)
        if snapshot and snapshot.gated is False and not (facts and facts.licence.gated):
            return
        gate = "not known to be open" if snapshot and snapshot.gated is None else "gated"
        meant = "an open model, or load_from_hub: false, which stages it: no container gets a token"
        yield Disagreement(name, "access", f"{locked.weights} is {gate}", meant)


def _settings(locked: LockedSettings, meant: LockedSettings) -> dict[str, tuple[object, object]]:
    return {
        name.replace("_", " "): (getattr(locked, name), getattr(meant, name))
        for name in LockedSettings.model_fields
    }


def _name(use_case: str, role: str) -> str:
    return f"{use_case} ({role})"


def _text(value: object) -> str:
    if value is None or value == ():
        return "nothing"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
