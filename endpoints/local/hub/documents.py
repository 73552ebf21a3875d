"""The JSON documents of the Hub's API, in the shapes that `huggingface_hub` reads."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from endpoints.local.hub.files import HubFile
from endpoints.local.hub.readers import HubReader
from endpoints.local.hub.repositories import HubRepository

_COMMITTED_AT = datetime(2025, 1, 1, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")  # folders do not know


def model_info(
    repository: HubRepository, commit: str, files: Sequence[HubFile], *, blobs: bool
) -> dict[str, Any]:
    """What `HfApi.model_info` gets; with `blobs` sizes and digests too."""
    owner = repository.repo_id.split("/")[0]
    tags = ["safetensors", "text-generation"]
    return {
        "_id": hashlib.sha256(repository.repo_id.encode()).hexdigest()[:24],
        "id": repository.repo_id,
        "modelId": repository.repo_id,
        "author": owner,
        "sha": commit,
        "lastModified": _COMMITTED_AT,
        "createdAt": _COMMITTED_AT,
        "private": repository.private,
        "gated": repository.gated or False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": [*tags, f"license:{repository.licence}"] if repository.licence else tags,
        "cardData": {"license": repository.licence} if repository.licence else {},
        "usedStorage": sum(file.size_bytes for file in files),
        "siblings": [_sibling(file, blobs=blobs) for file in files],
    }


def _sibling(file: HubFile, *, blobs: bool) -> dict[str, Any]:
    if not blobs:
        return {"rfilename": file.path}
    found: dict[str, Any] = {"rfilename": file.path, "size": file.size_bytes, "blobId": file.blob_id}
    if file.sha256:
        found["lfs"] = {
            "sha256": file.sha256,
            "size": file.size_bytes,
            "pointerSize": file.pointer_size_bytes,
        }
    return found


def commits(repository: HubRepository, last: str) -> list[dict[str, Any]]:
    """What `HfApi.list_repo_commits` gets: `last` and those before it. One page: no folder has a long history."""
    known = list(repository.commits)
    author = {"user": repository.repo_id.split("/")[0]}
    return [
        {"id": commit, "title": "Upload files", "message": "", "authors": [author], "date": _COMMITTED_AT}
        for commit in reversed(known[: known.index(last) + 1])
    ]


def tree(files: Sequence[HubFile], below: str, *, recursive: bool, expand: bool) -> list[dict[str, Any]]:
    """The entries below a directory ("" is the root): directories first, then files, each by path."""
    prefix = f"{below.strip('/')}/" if below.strip("/") else ""
    inside = [file for file in files if file.path.startswith(prefix)]
    near = [file for file in inside if recursive or "/" not in file.path[len(prefix) :]]
    folders = sorted({folder for file in inside for folder in _folders(file.path, prefix, recursive)})
    return [*(_directory(folder) for folder in folders), *(tree_file(file, expand=expand) for file in near)]


def _folders(path: str, prefix: str, recursive: bool) -> list[str]:
    parents = [str(parent) for parent in PurePosixPath(path).parents if str(parent) != "."]
    below = [parent for parent in parents if parent.startswith(prefix)]
    return [parent for parent in below if recursive or "/" not in parent[len(prefix) :]]


def _directory(path: str) -> dict[str, Any]:
    oid = hashlib.sha1(path.encode(), usedforsecurity=False).hexdigest()  # not Git's: nobody needs trees here
    return {"type": "directory", "oid": oid, "size": 0, "path": path}


def tree_file(file: HubFile, *, expand: bool) -> dict[str, Any]:
    """One file of a tree, or of paths-info."""
    found: dict[str, Any] = {
        "type": "file",
        "oid": file.blob_id,
        "size": file.size_bytes,
        "path": file.path,
    }
    if file.sha256:
        found["lfs"] = {"oid": file.sha256, "size": file.size_bytes, "pointerSize": file.pointer_size_bytes}
    if expand:
        found["lastCommit"] = {"id": file.blob_id, "title": "Upload files", "date": _COMMITTED_AT}
    return found


def whoami(reader: HubReader) -> dict[str, Any]:
    """What `HfApi.whoami` gets."""
    token: dict[str, Any] = {
        "displayName": "local",
        "role": "fineGrained" if reader.fine_grained else "read",
        "createdAt": _COMMITTED_AT,
    }
    if reader.fine_grained:
        token["fineGrained"] = {"canReadGatedRepos": reader.reads_gated, "global": [], "scoped": []}
    return {
        "type": "user",
        "id": hashlib.sha256(reader.name.encode()).hexdigest()[:24],
        "name": reader.name,
        "fullname": reader.name,
        "isPro": False,
        "orgs": [],
        "auth": {"type": "access_token", "accessToken": token},
    }
