"""What the Hub says of a repository at a revision: its commit, its licence, its gate and its files.

The person's own token is used (HF_TOKEN, `hf auth login`), for the Hub that is asked and for nothing else. Errors of
the Hub's client carry the request with its headers: none is kept as a cause.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

from huggingface_hub import HfApi, ModelInfo, constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoSibling
from pydantic import ValidationError

from endpoints.adapters.hub import HubOfflineError, HubUnreachableError
from endpoints.catalogue import DEFAULT_HUB_URL
from endpoints.errors import RemoteError
from endpoints.locks import Listing, LockedFile
from endpoints.locks.files import is_selected

T = TypeVar("T")
TIMEOUT_S: Final = 10.0
_SHORT_COMMIT: Final = re.compile(r"[0-9a-f]{7,39}")


class HubAccessError(RemoteError):
    """The Hub knows the repository and does not let this person in."""


class UnknownRevisionError(RemoteError):
    """The repository has no such branch, tag or commit."""


def hub_of(url: str) -> str:
    """The address of an environment's Hub; HF_ENDPOINT stands in for the public one."""
    return constants.ENDPOINT if url == DEFAULT_HUB_URL else url


def hub_listing(repository: str, revision: str, *, hub_url: str) -> Listing:
    """`repository` at a branch, a tag, or a full or short commit.

    Raises HubUnreachableError when nobody answers, HubAccessError with the page to open when the Hub refuses,
    UnknownRevisionError, and RemoteError for a repository that is not there.
    """
    api = HfApi(endpoint=hub_url)
    try:
        info = _info(api, repository, revision)
    except UnknownRevisionError:
        commit = _full_commit(api, repository, revision)
        if commit is None:
            raise
        info = _info(api, repository, commit)
    return _listing(repository, info)


def require_access(repository: str, *, hub_url: str) -> None:
    """Whether this person may read the files; what a gated repository holds, the Hub shows to everybody.

    Raises HubAccessError with what to click, or HubUnreachableError.
    """
    api = HfApi(endpoint=hub_url)
    _asked(lambda: api.auth_check(repository), hub_url, repository)


def model_page(hub_url: str, repository: str) -> str:
    """Where a person reads about the model, and accepts its terms."""
    return f"{hub_url}/{repository}"


def _info(api: HfApi, repository: str, revision: str) -> ModelInfo:
    return _asked(
        lambda: api.model_info(repository, revision=revision, files_metadata=True, timeout=TIMEOUT_S),
        str(api.endpoint),
        repository,
        revision,
    )


def _full_commit(api: HfApi, repository: str, revision: str) -> str | None:
    """The one commit of the main branch that begins so. The Hub itself knows full commits only."""
    if not _SHORT_COMMIT.fullmatch(revision):
        return None
    commits = _asked(lambda: api.list_repo_commits(repository), str(api.endpoint), repository)
    found = [commit.commit_id for commit in commits if commit.commit_id.startswith(revision)]
    return found[0] if len(found) == 1 else None


def _asked(ask: Callable[[], T], hub_url: str, repository: str, revision: str | None = None) -> T:
    """The answer, or an error of ours that holds nothing of the request."""
    try:
        return ask()
    except GatedRepoError as error:
        refused = _no_access(hub_url, repository, error.response.status_code)
    except RevisionNotFoundError:
        refused = UnknownRevisionError(
            f"{repository} has no revision {revision!r}",
            remedy=f"Its branches and commits: {model_page(hub_url, repository)}/commits/main",
        )
    except (RepositoryNotFoundError, HFValidationError):
        refused = RemoteError(
            f"the Hub shows no model {repository}",
            remedy=f"Open {model_page(hub_url, repository)}, logged in: was it renamed, or made private?",
        )
    except HfHubHTTPError as error:
        refused = _http_refusal(hub_url, repository, error)
    except OfflineModeIsEnabled:
        refused = HubOfflineError()
    except Exception as error:  # noqa: BLE001 - the Hub's client lets errors of its own HTTP library through
        refused = HubUnreachableError(f"the Hub does not answer ({hub_url}: {type(error).__name__})")
    # Raised here, out of reach of the client's own error, which holds the request and so the token.
    raise refused


def _no_access(hub_url: str, repository: str, status: int) -> RemoteError:
    page = model_page(hub_url, repository)
    logged_in = "log in with `hf auth login` (or set HF_TOKEN)"
    return HubAccessError(
        f"{repository} is gated, and the Hub does not let you in (HTTP {status})",
        remedy=f'Open {page}, click "Agree and access repository" as the token\'s owner, and {logged_in}.',
    )


def _http_refusal(hub_url: str, repository: str, error: HfHubHTTPError) -> RemoteError:
    status = error.response.status_code
    if status in (401, 403):
        return HubAccessError(
            f"the Hub refuses your token for {repository} (HTTP {status})",
            remedy=f"Log in again: hf auth login. Tokens are made at {hub_url}/settings/tokens.",
        )
    wait = error.response.headers.get("Retry-After")
    later = f"; it asks to wait {wait} s" if status == 429 and wait else ""
    return HubUnreachableError(f"the Hub does not answer now ({hub_url}: HTTP {status}{later})")


def _listing(repository: str, info: ModelInfo) -> Listing:
    if info.sha is None:
        raise RemoteError(f"the Hub does not say which commit {repository} is at")
    return Listing(
        repository=repository,
        revision=info.sha,
        licence=_licence(info),
        gated=bool(info.gated),
        files=tuple(
            _file(repository, sibling) for sibling in info.siblings or () if is_selected(sibling.rfilename)
        ),
    )


def _file(repository: str, sibling: RepoSibling) -> LockedFile:
    try:
        if sibling.lfs is not None:
            return LockedFile(path=sibling.rfilename, size_bytes=sibling.lfs.size, sha256=sibling.lfs.sha256)
        # None of size or digest, which the Hub leaves out where it cannot tell, is refused like a wrong value.
        unlisted: Any = sibling
        return LockedFile(path=unlisted.rfilename, size_bytes=unlisted.size, git_blob=unlisted.blob_id)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise RemoteError(
            f"the Hub lists {sibling.rfilename!r} of {repository} in a way that cannot be locked: {problem['msg']}"
        ) from None


def _licence(info: ModelInfo) -> str | None:
    """The card's licence; `other` has a name of its own."""
    card = info.card_data
    if card is None:
        return None
    tag = card.get("license")
    named = card.get("license_name") if tag == "other" else None
    found = named or tag
    return str(found) if found else None
