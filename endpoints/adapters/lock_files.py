"""Brings an environment's lock up to date: the Hub is asked for commits and files, the account for the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from endpoints.adapters.account_clients import Account
from endpoints.adapters.account_images import image_digest
from endpoints.adapters.account_weights import require_foundation, staged_snapshot
from endpoints.adapters.hub import HubUnreachableError
from endpoints.adapters.hub_questions import HubQuestions
from endpoints.catalogue import CandidateRole, Catalogue, Environment
from endpoints.errors import LockError, RemoteError
from endpoints.locks import (
    Listing,
    Lock,
    LockedFile,
    LockedSnapshot,
    Proposal,
    StandIns,
    candidates_of,
    moved,
    moved_repository,
    recorded,
    with_digest,
    with_snapshots,
)
from endpoints.weights.manifest import Manifest

Progress = Callable[[str], None]
Place = tuple[str, CandidateRole]


@dataclass(frozen=True, kw_only=True)
class LockWish:
    """What of a lock is to be brought up to date; no `model` means everything.

    `revision` moves `model` to a branch, tag or commit, `unpinned` to none at all. `offline`: the Hub is not asked.
    `staged`: files that the Hub does not tell are taken from what is staged; `digests`: the registry is asked for them.
    """

    model: str | None = None
    revision: str | None = None
    unpinned: bool = False
    offline: bool = False
    staged: bool = False
    digests: bool = False


@dataclass
class LockUpdate:
    """A lock as it should be. `notes` are worth knowing; `refused` is what the Hub would not tell."""

    environment: str
    before: Lock | None
    after: Lock
    notes: list[str] = field(default_factory=list)
    refused: list[RemoteError] = field(default_factory=list)

    @property
    def unrecorded(self) -> tuple[str, ...]:
        """Snapshots whose files nobody has listed yet."""
        return self.after.unconfirmed


class LockUpdater:
    """`account_of` gives an environment's account, for wishes that need one."""

    def __init__(
        self,
        catalogue: Catalogue,
        wish: LockWish,
        progress: Progress,
        account_of: Callable[[str], Account],
    ) -> None:
        self._catalogue = catalogue
        self._wish = wish
        self._progress = progress
        self._account_of = account_of
        self._hub = HubQuestions(progress, offline=wish.offline)

    def update(self, environment: Environment, before: Lock | None, stand_ins: StandIns) -> LockUpdate:
        """The lock of `environment`, nothing written. Raises LockError, and RemoteError for a wish that fails."""
        model = self._wish.model
        proposal = Proposal(
            catalogue=self._catalogue,
            environment=environment,
            previous=before,
            models=frozenset({model}) if model else None,
            stand_ins=stand_ins,
        )
        update = LockUpdate(environment.name, before, proposal.lock())
        concerned = self._concerned(update)
        if before is None and model is not None:
            update.notes.append(
                f"{environment.name} had no lock: every candidate is locked, not {model} alone."
            )
        if self._wish.revision is not None or self._wish.unpinned:
            self._move(environment, update)
        if not environment.embedded:  # stand-ins are built here: neither the Hub nor a registry knows them
            self._record(environment, update, concerned)
            if self._wish.staged:
                self._record_staged(environment, update, concerned)
            if self._wish.digests:
                self._ask_for_digests(environment, update)
        return update

    def _concerned(self, update: LockUpdate) -> frozenset[Place]:
        """Candidates that mean or run the wished model, now or before. Raises LockError when there is none."""
        model = self._wish.model
        if model is None:
            return frozenset(update.after.by_place)
        before = update.before.candidates if update.before else ()
        replaced = {one.place for one in before if model in (one.model, one.weights)}
        found = replaced & update.after.by_place.keys()
        return frozenset(found) or frozenset(one.place for one in candidates_of(update.after, model))

    def _move(self, environment: Environment, update: LockUpdate) -> None:
        if environment.embedded or self._wish.model is None:
            raise LockError(
                f"nothing of {environment.name} can be moved so",
                remedy="Name a --model; the stand-ins of the embedded AWS follow what it serves.",
            )
        repository, revision = moved_repository(update.after, self._wish.model), self._wish.revision
        commit = None if revision is None else self._commit(environment, update, repository, revision)
        update.after = moved(update.after, self._catalogue, environment, repository, commit)

    def _commit(self, environment: Environment, update: LockUpdate, repository: str, revision: str) -> str:
        """The full commit. One that is given in full is believed where the Hub cannot be asked."""
        answer = self._hub.listing(environment, repository, revision)
        if isinstance(answer, Listing):
            if answer.revision != revision:
                self._progress(f"{repository}: {revision} is {answer.revision}")
            return answer.revision
        if isinstance(answer, HubUnreachableError) and is_commit(revision):
            update.notes.append(
                f"Nobody has confirmed that {repository} has a commit {revision}: where it has none, staging fails. "
                f"To confirm it, where the Hub answers: adept lock --env {environment.name} --model {self._wish.model}"
            )
            return revision
        if isinstance(answer, HubUnreachableError):
            raise LockError(
                f"nobody can say which commit {revision!r} is: {answer.message}",
                remedy="Give all 40 digits of the commit, or try again where the Hub can be reached.",
            )
        raise answer

    def _record(self, environment: Environment, update: LockUpdate, concerned: frozenset[Place]) -> None:
        for snapshot in _snapshots_of(update.after, concerned):
            answer = self._hub.listing(environment, snapshot.repository, str(snapshot.revision))
            if isinstance(answer, Listing):
                facts = self._catalogue.by_model_id.get(snapshot.repository)
                update.after = with_snapshots(update.after, recorded(snapshot, answer, facts))
                refusal = self._hub.no_access(environment, snapshot.repository) if answer.gated else None
                if refusal is not None:
                    staging = "Staging uses the token of `adept token set`."
                    update.notes.append(f"{refusal.message}: {refusal.remedy} {staging}")
            elif not isinstance(answer, HubUnreachableError):
                update.refused.append(answer)
        silence = self._hub.silence(environment)
        if silence is not None:
            update.notes.append(f"{silence.message[0].upper()}{silence.message[1:]}.")

    def _record_staged(
        self, environment: Environment, update: LockUpdate, concerned: frozenset[Place]
    ) -> None:
        """What the Hub did not tell, from the manifests of what is staged: those bytes were proved when they were."""
        missing = [one for one in _snapshots_of(update.after, concerned) if one.files is None]
        if not missing:
            return
        account = self._account_of(environment.name)
        bucket = require_foundation(account, environment.name).bucket
        for snapshot in missing:
            self._progress(f"reading the manifest of {snapshot.name}")
            manifest = staged_snapshot(account, bucket, snapshot.key).manifest
            if manifest is not None:
                update.after = with_snapshots(update.after, _as_staged(snapshot, manifest))
                update.notes.append(
                    f"{snapshot.name} is recorded as it was staged from {manifest.staged_from}."
                )

    def _ask_for_digests(self, environment: Environment, update: LockUpdate) -> None:
        account = self._account_of(environment.name)
        for container in self._catalogue.containers:
            if any(one.engine is container.engine for one in update.after.candidates):
                self._progress(f"asking the registry for {container.repository}:{container.tag}")
                digest = image_digest(account, container.tagged_uri(environment.region))
                if digest is None:
                    raise LockError(
                        f"the registry of {environment.region} has no {container.repository}:{container.tag}",
                        remedy="Lock the images again: python -m tools.lock_containers",
                    )
                update.after = with_digest(update.after, container.repository, container.tag, digest)


def is_commit(revision: str) -> bool:
    """A full git commit, which needs nobody to resolve it."""
    return len(revision) == 40 and set(revision) <= set("0123456789abcdef")


def _snapshots_of(lock: Lock, places: frozenset[Place]) -> list[LockedSnapshot]:
    """What these candidates run, where a commit is pinned."""
    sources = {one.source for one in lock.candidates if one.place in places}
    return [one for one in lock.snapshots if one.revision and (one.repository, one.revision) in sources]


def _as_staged(snapshot: LockedSnapshot, manifest: Manifest) -> LockedSnapshot:
    files = tuple(LockedFile(**file.model_dump()) for file in manifest.files)
    return snapshot.model_copy(update={"files": files, "total_bytes": manifest.total_bytes})
