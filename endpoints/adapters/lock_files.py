"""Brings an environment's lock up to date: the Hub is asked for commits and files, the registry for digests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from endpoints.adapters.account_clients import Account
from endpoints.adapters.account_images import image_digest
from endpoints.adapters.hub import HubUnreachableError
from endpoints.adapters.hub_listing import HubAccessError, hub_listing, hub_of, require_access
from endpoints.catalogue import CandidateRole, Catalogue, Environment
from endpoints.errors import LockError, RemoteError
from endpoints.locks import (
    Listing,
    Lock,
    Proposal,
    StandIns,
    candidates_of,
    moved,
    moved_repository,
    recorded,
    with_digest,
    with_snapshots,
)

Progress = Callable[[str], None]
Place = tuple[str, CandidateRole]


@dataclass(frozen=True, kw_only=True)
class LockWish:
    """What of a lock is to be brought up to date; no `model` means everything.

    `revision` moves `model` to a branch, tag or commit, `unpinned` to none at all. `offline`: the Hub is not asked.
    `account_of` gives the account, by environment, whose registry is asked for digests; None asks for none.
    """

    model: str | None = None
    revision: str | None = None
    unpinned: bool = False
    offline: bool = False
    account_of: Callable[[str], Account] | None = None


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
        return tuple(one.name for one in self.after.snapshots if one.revision and one.files is None)


class LockUpdater:
    """Asks each thing once, however many environments want to know it."""

    def __init__(self, catalogue: Catalogue, wish: LockWish, progress: Progress) -> None:
        self._catalogue = catalogue
        self._wish = wish
        self._progress = progress
        self._listings: dict[tuple[str, str, str], Listing | RemoteError] = {}
        self._silent: dict[str, HubUnreachableError] = {}  # Hubs that did not answer, by address

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
        self._move(environment, update)
        if not environment.embedded:  # stand-ins are built here, the Hub knows nothing of them
            self._record(environment, update, concerned)
        self._ask_for_digests(environment, update)
        return update

    def _move(self, environment: Environment, update: LockUpdate) -> None:
        if self._wish.revision is None and not self._wish.unpinned:
            return
        if environment.embedded or self._wish.model is None:
            raise LockError(
                f"nothing of {environment.name} can be moved so",
                remedy="Name a --model; the stand-ins of the embedded AWS follow what it serves.",
            )
        repository = moved_repository(update.after, self._wish.model)
        commit = None
        if self._wish.revision is not None:
            commit = self._commit(environment, repository, self._wish.revision)
        update.after = moved(update.after, self._catalogue, environment, repository, commit)

    def _commit(self, environment: Environment, repository: str, revision: str) -> str:
        if is_commit(revision):
            return revision
        if self._wish.offline:
            raise LockError(
                f"nobody is asked which commit {revision!r} is",
                remedy="Give all 40 digits of the commit, or leave --offline out.",
            )
        answer = self._listing(environment, repository, revision)
        if isinstance(answer, RemoteError):
            raise answer
        self._progress(f"{repository}: {revision} is {answer.revision}")
        return answer.revision

    def _concerned(self, update: LockUpdate) -> frozenset[Place]:
        """Candidates that mean or run the wished model, now or before. Raises LockError when there is none."""
        model = self._wish.model
        if model is None:
            return frozenset(update.after.by_place)
        before = update.before.candidates if update.before else ()
        replaced = {one.place for one in before if model in (one.model, one.weights)}
        found = replaced & update.after.by_place.keys()
        return frozenset(found) or frozenset(one.place for one in candidates_of(update.after, model))

    def _record(self, environment: Environment, update: LockUpdate, concerned: frozenset[Place]) -> None:
        sources = {one.source for one in update.after.candidates if one.place in concerned}
        for snapshot in update.after.snapshots:
            if snapshot.revision is None or (snapshot.repository, snapshot.revision) not in sources:
                continue
            answer = self._listing(environment, snapshot.repository, snapshot.revision)
            if isinstance(answer, Listing):
                facts = self._catalogue.by_model_id.get(snapshot.repository)
                update.after = with_snapshots(update.after, recorded(snapshot, answer, facts))
                update.notes += self._access_notes(environment, answer)
            elif not isinstance(answer, HubUnreachableError):
                update.refused.append(answer)
        silent = self._silent.get(hub_of(environment.hub_url))
        if silent is not None:
            update.notes.append(f"{silent.message[0].upper()}{silent.message[1:]}.")

    def _listing(self, environment: Environment, repository: str, revision: str) -> Listing | RemoteError:
        """What the Hub says, or why it does not; after a silence it is not asked again."""
        hub_url = hub_of(environment.hub_url)
        if self._wish.offline:
            return self._silent.setdefault(hub_url, HubUnreachableError("the Hub was not asked (--offline)"))
        if hub_url in self._silent:
            return self._silent[hub_url]
        key = (hub_url, repository, revision)
        if key not in self._listings:
            self._progress(f"asking the Hub for {repository} at {revision}")
            try:
                self._listings[key] = hub_listing(repository, revision, hub_url=hub_url)
            except HubUnreachableError as error:
                self._silent[hub_url] = self._listings[key] = error
            except RemoteError as error:
                self._listings[key] = error
        return self._listings[key]

    def _access_notes(self, environment: Environment, listing: Listing) -> Iterator[str]:
        """Everybody may see what a gated repository holds. Whoever stages it must be let in."""
        if not listing.gated:
            return
        try:
            require_access(listing.repository, hub_url=hub_of(environment.hub_url))
        except HubAccessError as error:
            yield f"{error.message}: {error.remedy} Staging uses the token of `adept token set`."
        except RemoteError:
            return  # said where the Hub is asked for files

    def _ask_for_digests(self, environment: Environment, update: LockUpdate) -> None:
        if self._wish.account_of is None or environment.embedded:
            return
        account = self._wish.account_of(environment.name)
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
