"""The Hugging Face Hub: fetch a model's files at a pinned commit, once.

Tells "nobody answers there" (`HubUnreachableError`) from "the Hub says no" (`RemoteError`, with what to do).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import httpx
from huggingface_hub import constants, get_token, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from huggingface_hub.utils.tqdm import disable_progress_bars

from endpoints.errors import RemoteError

WANTED_FILES: Final = ["*.json", "*.safetensors", "*.jinja", "tokenizer.model"]  # never pickled weights
PROBE_TIMEOUT_S: Final = 4.0  # a Hub that takes longer counts as out of reach: the demo must go on
PROGRESS_INTERVAL_S: Final = 2.0
OFFLINE_VARIABLES: Final = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")  # those that the Hub's client obeys
WITHOUT_HUB: Final = "Check the network and HTTPS_PROXY, or give the directory of a model."

Progress = Callable[[str], None]


class HubUnreachableError(RemoteError):
    """No name, no route, refused, timed out, or something in between answered with an error of its own."""


class HubOfflineError(HubUnreachableError):
    """The shell forbids the network to the Hub's client, so nobody was asked."""

    def __init__(self) -> None:
        named = [name for name in OFFLINE_VARIABLES if os.environ.get(name)] or OFFLINE_VARIABLES[:1]
        variables = " and ".join(named)
        super().__init__(
            f"the Hub is not asked: {variables} {'is' if len(named) == 1 else 'are'} set in this shell",
            remedy=f"Run it again without: env {' '.join(f'-u {name}' for name in named)} adept ...",
        )


def cached_model(model_id: str, *, revision: str | None, cache_dir: Path) -> Path | None:
    """The model's complete snapshot in `cache_dir`, or None; never touches the network.

    Raises `RemoteError` when no model can have such an id.
    """
    try:
        found = snapshot_download(
            model_id,
            revision=revision,
            cache_dir=cache_dir,
            allow_patterns=WANTED_FILES,
            local_files_only=True,
        )
    except LocalEntryNotFoundError:
        return None
    except HFValidationError as error:
        raise RemoteError(
            f"{model_id!r} is neither a directory nor the id of a model on the Hub",
            remedy="Give a directory that exists, or an organisation and a name: Qwen/Qwen2.5-0.5B-Instruct.",
        ) from error
    directory = Path(str(found))
    return directory if _is_complete(directory) else None


def download_model(model_id: str, *, revision: str | None, cache_dir: Path, progress: Progress) -> Path:
    """Fetch the model's safetensors, tokenizer and configuration; resumes what an earlier try left behind.

    `revision` is a commit sha; None means the Hub's main branch. Raises `HubUnreachableError` when nobody
    answers in `PROBE_TIMEOUT_S`, `RemoteError` when the Hub refuses the model.
    """
    _probe(model_id, revision)
    disable_progress_bars()  # `progress` speaks instead
    try:
        with _reporting(model_id, cache_dir, progress):
            directory = snapshot_download(
                model_id, revision=revision, cache_dir=cache_dir, allow_patterns=WANTED_FILES
            )
    except HfHubHTTPError as error:
        raise _refusal(model_id, error.response.status_code) from error
    except Exception as error:  # the Hub's client lets errors of its own HTTP library through
        raise HubUnreachableError(
            f"The download of {model_id} from {constants.ENDPOINT} broke off: {error}",
            remedy="Try again: it goes on where it broke off.",
        ) from error
    if not _is_complete(Path(directory)):
        raise RemoteError(
            f"{model_id} has no weights in safetensors",
            remedy="Choose a model whose repository has *.safetensors and tokenizer.json.",
        )
    return Path(directory)


def _is_complete(directory: Path) -> bool:
    """A snapshot can be there in part: after an interrupted download, or from another program's."""
    wanted = (directory / "config.json", directory / "tokenizer.json")
    return all(file.is_file() for file in wanted) and any(directory.glob("*.safetensors"))


def _probe(model_id: str, revision: str | None) -> None:
    """One request with a short time-out: the Hub's own client retries for minutes."""
    token = get_token()
    try:
        answer = httpx.get(
            f"{constants.ENDPOINT}/api/models/{model_id}/revision/{revision or 'main'}",
            headers={"authorization": f"Bearer {token}"} if token else {},
            timeout=PROBE_TIMEOUT_S,
            follow_redirects=True,
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        raise HubUnreachableError(
            f"The Hugging Face Hub cannot be reached ({constants.ENDPOINT}: {reason})", remedy=WITHOUT_HUB
        ) from error
    if not answer.is_success:
        raise _refusal(model_id, answer.status_code)


def _refusal(model_id: str, status: int) -> RemoteError:
    if status in (401, 403):
        return RemoteError(
            f"The Hub does not let you read {model_id} (HTTP {status})",
            remedy=(
                "The name may be wrong, or the model is gated: accept its licence on its page on "
                f"{constants.ENDPOINT} and log in with `hf auth login` (or set HF_TOKEN)."
            ),
        )
    if status == 404:
        return RemoteError(
            f"The Hub has no model {model_id} (HTTP 404)",
            remedy="Check the spelling: an organisation and a name, such as Qwen/Qwen2.5-0.5B-Instruct.",
        )
    return HubUnreachableError(
        f"The Hugging Face Hub cannot be used now ({constants.ENDPOINT}: HTTP {status})", remedy=WITHOUT_HUB
    )


@contextmanager
def _reporting(model_id: str, cache_dir: Path, progress: Progress) -> Iterator[None]:
    """Say every few seconds how much has arrived."""
    done = threading.Event()
    folder = cache_dir / f"models--{model_id.replace('/', '--')}"

    def report() -> None:
        while not done.wait(PROGRESS_INTERVAL_S):
            progress(f"Downloading {model_id}: {_size_mb(folder):.0f} MB so far")

    progress(f"Downloading {model_id} from {constants.ENDPOINT} (kept for the next time)")
    reporter = threading.Thread(target=report, daemon=True)
    reporter.start()
    try:
        yield
    finally:
        done.set()
        reporter.join()


def _size_mb(folder: Path) -> float:
    return sum(map(_size_bytes, folder.glob("blobs/*"))) / 1e6


def _size_bytes(file: Path) -> int:
    with suppress(FileNotFoundError):  # a file that is complete gets another name
        return file.stat().st_size
    return 0
