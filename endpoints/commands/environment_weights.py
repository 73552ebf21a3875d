"""What the commands about weights and the token start from: an environment, its lock, its bucket, its Hub."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from endpoints.adapters.account_clients import Account
from endpoints.adapters.account_weights import Foundation, require_foundation
from endpoints.adapters.weights_store import WeightsStore
from endpoints.catalogue import Environment, load_catalogue
from endpoints.catalogue.catalogue import suggest
from endpoints.commands.access import aws_of
from endpoints.commands.assembly import environment_lock
from endpoints.errors import StagingError
from endpoints.local import daemon
from endpoints.local.settings import LocalSettings
from endpoints.locks import LOCKS_FOLDER, Lock, LockedSnapshot, read_lock

_SUFFIX: Final = ".lock.yaml"


@dataclass(frozen=True)
class EnvironmentWeights:
    """One environment's account, what its foundation stack made, and its lock."""

    environment: Environment
    account: Account
    foundation: Foundation
    lock: Lock

    @property
    def store(self) -> WeightsStore:
        """Its bucket."""
        return WeightsStore(self.account, self.foundation.bucket)


def weights_of(environment: str) -> EnvironmentWeights:
    """Raises `CatalogueError`, `LockError`, `LocalError` when local is down, `RemoteError` without a foundation."""
    known = load_catalogue().environment(environment)
    account = aws_of(environment)
    lock = environment_lock(environment)
    return EnvironmentWeights(known, account, require_foundation(account, environment), lock)


def every_lock() -> tuple[Lock, ...]:
    """All that lie in locks/, those of environments that the catalogue has no more included, and what local serves.

    Raises `LockError` when any cannot be read: then nobody knows what is still needed.
    """
    names = sorted(path.name.removesuffix(_SUFFIX) for path in LOCKS_FOLDER.glob(f"*{_SUFFIX}"))
    committed = (read_lock(name) for name in names)
    embedded = (environment_lock(one.name) for one in load_catalogue().environments if one.embedded)
    return (*committed, *embedded)


def hub_url_of(environment: Environment) -> str:
    """Where the environment's snapshots come from, and where its token may be shown."""
    if environment.embedded:
        return daemon.status(LocalSettings.from_environment()).settings.hub_endpoint
    return environment.hub_url


def hub_knows_tokens(environment: Environment) -> bool:
    """False for the embedded AWS's own Hub alone. ADEPT_LOCAL_HUB may name one in its place that gates its models."""
    if environment.hub_knows_tokens:
        return True
    return daemon.status(LocalSettings.from_environment()).settings.hub_url is not None


def chosen_snapshots(weights: EnvironmentWeights, model: str | None) -> tuple[LockedSnapshot, ...]:
    """What the lock names, or of that what `model` means: a model, or the repository that holds its weights.

    Raises `StagingError` for a model that the environment does not run, and for a snapshot without a commit.
    """
    lock = weights.lock
    if weights.environment.load_from_hub:
        return ()
    snapshots = lock.snapshots if model is None else _of_model(lock, model)
    unpinned = [snapshot.repository for snapshot in snapshots if snapshot.revision is None]
    if unpinned:
        raise StagingError(
            f"no commit is locked for {', '.join(unpinned)}",
            remedy=f"A snapshot is one commit: adept lock --env {lock.environment}",
        )
    return snapshots


def _of_model(lock: Lock, model: str) -> tuple[LockedSnapshot, ...]:
    canonical = load_catalogue().by_model_id.get(model)
    wanted = {model} | ({canonical.canonical_id} if canonical else set())
    sources = {one.source for one in lock.candidates if {one.model, one.weights} & wanted}
    found = tuple(
        one for one in lock.snapshots if (one.repository, one.revision) in sources or one.repository in wanted
    )
    if not found:
        names = {name for one in lock.candidates for name in (one.model, one.weights)}
        raise StagingError(f"{lock.environment} runs no {model}", remedy=suggest(model, names))
    return found
