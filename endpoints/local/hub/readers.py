"""Who may read a repository, and how the Hub says no."""

from __future__ import annotations

from dataclasses import dataclass

from endpoints.local.hub.refusals import HubRefusal
from endpoints.local.hub.repositories import HubRepository


@dataclass(frozen=True)
class HubReader:
    """An account, as one of its tokens lets it read.

    `granted` are the gated and private repositories that it may read, `awaiting` those it asked for. A fine-grained
    token reads no gated repository unless its settings say so: `reads_gated`.
    """

    name: str
    granted: frozenset[str] = frozenset()
    awaiting: frozenset[str] = frozenset()
    fine_grained: bool = False
    reads_gated: bool = True


def may_see(repository: HubRepository | None, reader: HubReader | None) -> HubRepository:
    """The repository, when the reader may know of it. Raises `HubRefusal`."""
    hidden = repository is None or (
        repository.private and (reader is None or repository.repo_id not in reader.granted)
    )
    if repository is None or hidden:
        if reader is None:  # the Hub does not tell strangers what exists
            raise HubRefusal(401, "RepoNotFound", "Invalid username or password.")
        raise HubRefusal(404, "RepoNotFound", "Repository not found")
    return repository


def may_read_files(repository: HubRepository, reader: HubReader | None) -> None:
    """Raises `HubRefusal` unless the reader passes the repository's gate."""
    name = repository.repo_id
    if repository.gated is None or (reader and reader.reads_gated and name in reader.granted):
        return
    if reader is None:
        raise _gate(
            401,
            f"Access to model {name} is restricted. You must have access to it and be authenticated to access it. "
            "Please log in.",
        )
    if not reader.reads_gated:
        raise _gate(
            403,
            "Please enable access to public gated repositories in your fine-grained token settings to view this "
            "repository.",
        )
    if name in reader.awaiting:
        raise _gate(403, f"Your request to access model {name} is awaiting a review from the repo authors.")
    raise _gate(
        403,
        f"Access to model {name} is restricted and you are not in the authorized list. "
        f"Visit https://huggingface.co/{name} to ask for access.",
    )


def _gate(status: int, message: str) -> HubRefusal:
    return HubRefusal(status, "GatedRepo", message)
