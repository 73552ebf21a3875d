"""`huggingface_hub`'s own client against the local Hub: what works there is spoken as the Hub speaks it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_url, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile, RepoFolder

from endpoints.local.hub import HubFault, HubRepository, Origin
from tests.contracts.hub.conftest import CONTENT, GATED, OLD, OPEN, PRIVATE, SHA, TOKENS, write
from tests.support.hub import RunningHub, running_hub

SHARD = "model-00001-of-00002.safetensors"


def api(hub: RunningHub, who: str | None = None) -> HfApi:
    return HfApi(endpoint=hub.url, token=TOKENS[who] if who else False)


def download(
    hub: RunningHub, cache: Path, repository: str = OPEN, who: str | None = None, **options: object
) -> Path:
    token = TOKENS[who] if who else False
    return Path(
        snapshot_download(repository, endpoint=hub.url, cache_dir=cache, token=token, **options)  # type: ignore[call-overload]  # its overloads do not take **options
    )


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def git_blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("revision", ["main", SHA])
def test_a_snapshot_arrives_whole(hub: RunningHub, tmp_path: Path, revision: str) -> None:
    folder = download(hub, tmp_path, revision=revision)
    assert folder.name == SHA
    assert contents(folder) == CONTENT


def test_a_snapshot_arrives_at_another_commit_and_in_part(hub: RunningHub, tmp_path: Path) -> None:
    assert contents(download(hub, tmp_path, revision="v1")) == {"config.json": b"{}"}
    folder = download(hub, tmp_path, allow_patterns=["*.json", "*-00002-*"])
    assert set(contents(folder)) == {"config.json", "model-00002-of-00002.safetensors"}


def test_the_files_of_a_model_come_with_sizes_and_digests(hub: RunningHub) -> None:
    found = api(hub).model_info(OPEN, revision=SHA, files_metadata=True)
    assert (found.id, found.sha, found.gated, found.private) == (OPEN, SHA, False, False)
    assert found.card_data is not None
    assert found.card_data.license == "apache-2.0"
    files = {sibling.rfilename: sibling for sibling in found.siblings or ()}
    assert {name: file.size for name, file in files.items()} == {n: len(c) for n, c in CONTENT.items()}
    for name in ("config.json", "README.md", "empty.txt"):
        assert (files[name].blob_id, files[name].lfs) == (git_blob(CONTENT[name]), None)
    large = files[SHARD].lfs
    assert large is not None
    assert large.sha256 == hashlib.sha256(CONTENT[SHARD]).hexdigest()
    # Git keeps a pointer in the place of a large file.
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{large.sha256}\nsize {large.size}\n"
    assert (files[SHARD].blob_id, large.pointer_size) == (git_blob(pointer.encode()), len(pointer))


def test_commits_are_listed_the_newest_first(hub: RunningHub) -> None:
    assert [commit.commit_id for commit in api(hub).list_repo_commits(OPEN)] == [SHA, OLD]
    assert [commit.commit_id for commit in api(hub).list_repo_commits(OPEN, revision="v1")] == [OLD]


def test_without_metadata_only_names_are_listed(hub: RunningHub) -> None:
    found = api(hub).model_info(OPEN)
    assert {sibling.rfilename for sibling in found.siblings or ()} == set(CONTENT)
    assert all(sibling.size is None for sibling in found.siblings or ())


def test_a_tree_is_listed_level_by_level_or_at_once(hub: RunningHub) -> None:
    top = list(api(hub).list_repo_tree(OPEN))
    assert [entry.path for entry in top if isinstance(entry, RepoFolder)] == ["nested"]
    assert {entry.path for entry in top if isinstance(entry, RepoFile)} == {
        n for n in CONTENT if "/" not in n
    }
    below = list(api(hub).list_repo_tree(OPEN, "nested", recursive=True, expand=True))
    assert [entry.path for entry in below] == ["nested/deep", "nested/deep/notes.txt"]
    everything = api(hub).list_repo_tree(OPEN, recursive=True, revision=SHA)
    files = {entry.path: entry for entry in everything if isinstance(entry, RepoFile)}
    assert set(files) == set(CONTENT)
    large = files[SHARD].lfs
    assert large is not None
    assert large.sha256 == hashlib.sha256(CONTENT[SHARD]).hexdigest()


def test_a_long_tree_comes_in_pages(tmp_path: Path) -> None:
    names = {f"part-{index:02}.json" for index in range(25)}
    repository = HubRepository(OPEN, {SHA: write(tmp_path, dict.fromkeys(names, b"{}"))})
    with running_hub(repository, page_size=10) as hub:
        assert {entry.path for entry in api(hub).list_repo_tree(OPEN)} == names
        assert len([request for request in hub.requests() if "/tree/" in request.path]) == 3


def test_some_paths_of_a_tree_can_be_asked_for(hub: RunningHub) -> None:
    found = api(hub).get_paths_info(OPEN, ["config.json", "no such file", SHARD])
    assert [entry.path for entry in found] == ["config.json", SHARD]


def test_the_metadata_of_a_file_says_where_its_bytes_are(hub: RunningHub) -> None:
    small = get_hf_file_metadata(hf_hub_url(OPEN, "config.json", endpoint=hub.url), token=False)
    assert (small.commit_hash, small.etag, small.size) == (
        SHA,
        git_blob(CONTENT["config.json"]),
        len(CONTENT["config.json"]),
    )
    assert small.location.startswith(f"{hub.url}/api/resolve-cache/models/{OPEN}/{SHA}/config.json")
    large = get_hf_file_metadata(hf_hub_url(OPEN, SHARD, endpoint=hub.url), token=False)
    assert (large.etag, large.size) == (hashlib.sha256(CONTENT[SHARD]).hexdigest(), len(CONTENT[SHARD]))
    assert large.location.startswith(hub.cdn_url)
    assert large.xet_file_data is None  # plain HTTP: the client does not turn to Xet


def test_a_token_says_whose_it_is(hub: RunningHub) -> None:
    assert api(hub).whoami(TOKENS["granted"])["name"] == "granted"
    narrow = api(hub).whoami(TOKENS["narrow"])["auth"]["accessToken"]
    assert (narrow["role"], narrow["fineGrained"]["canReadGatedRepos"]) == ("fineGrained", False)
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        api(hub).whoami("hf_" + "nobody".ljust(34, "x"))


def test_the_token_goes_to_the_hub_and_never_to_the_cdn(hub: RunningHub, tmp_path: Path) -> None:
    folder = download(hub, tmp_path, GATED, "granted")
    assert contents(folder) == CONTENT
    asked = [request for request in hub.requests(Origin.HUB) if GATED in request.path]
    sent = {request.headers.get("authorization") for request in asked}
    assert sent == {f"Bearer {TOKENS['granted']}"}
    assert len(hub.requests(Origin.CDN)) == 3  # two shards and a pickle
    assert not any("authorization" in request.headers for request in hub.requests(Origin.CDN))
    assert {request.host for request in hub.requests(Origin.CDN)} == {hub.cdn_url.removeprefix("http://")}


@pytest.mark.parametrize(
    ("who", "status", "words"),
    [
        (None, 401, "You must have access to it and be authenticated"),
        ("stranger", 403, "you are not in the authorized list"),
        ("waiting", 403, "awaiting a review"),
        ("narrow", 403, "fine-grained token settings"),
    ],
)
def test_a_gate_tells_why_it_is_closed(
    hub: RunningHub, tmp_path: Path, who: str | None, status: int, words: str
) -> None:
    # Given that everybody may see that the model exists and what it holds
    assert api(hub, who).model_info(GATED).gated == "manual"
    # Then its files are refused, and nothing goes to the CDN
    with pytest.raises(GatedRepoError, match=words) as refusal:
        download(hub, tmp_path, GATED, who)
    assert refusal.value.response.status_code == status
    with pytest.raises(GatedRepoError, match=words):
        api(hub, who).auth_check(GATED)
    assert not hub.requests(Origin.CDN)


def test_who_was_granted_access_passes_the_gate(hub: RunningHub) -> None:
    api(hub, "granted").auth_check(GATED)


@pytest.mark.parametrize(("who", "status"), [(None, 401), ("stranger", 404)])
@pytest.mark.parametrize("repository", [PRIVATE, "acme/missing"])
def test_what_may_not_be_seen_does_not_exist(
    hub: RunningHub, who: str | None, status: int, repository: str
) -> None:
    with pytest.raises(RepositoryNotFoundError) as refusal:
        api(hub, who).model_info(repository)
    assert refusal.value.response.status_code == status
    with pytest.raises(RepositoryNotFoundError):
        list(api(hub, who).list_repo_tree(repository))


def test_a_private_model_is_there_for_its_reader(hub: RunningHub) -> None:
    assert api(hub, "granted").model_info(PRIVATE).private is True


def test_an_unknown_token_is_told_so(hub: RunningHub) -> None:
    with pytest.raises(HfHubHTTPError, match="Invalid credentials in Authorization header") as refusal:
        HfApi(endpoint=hub.url, token="hf_" + "nobody".ljust(34, "x")).model_info(OPEN)
    assert refusal.value.response.status_code == 401


def test_revisions_and_files_that_do_not_exist_are_told_apart(hub: RunningHub, tmp_path: Path) -> None:
    with pytest.raises(RevisionNotFoundError):
        api(hub).model_info(OPEN, revision="0" * 40)
    with pytest.raises(RevisionNotFoundError):
        download(hub, tmp_path, revision="0" * 40)
    for name in ("missing.json", "nested/deep"):
        with pytest.raises(RemoteEntryNotFoundError) as refusal:
            get_hf_file_metadata(hf_hub_url(OPEN, name, endpoint=hub.url), token=False)
        assert refusal.value.response.headers["X-Repo-Commit"] == SHA
    with pytest.raises(RemoteEntryNotFoundError):
        list(api(hub).list_repo_tree(OPEN, "missing"))
    assert OLD != SHA


def test_a_download_that_breaks_off_is_taken_up_where_it_broke(
    hub: RunningHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The client keeps whole pieces of this size only (10 MB by default).
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 100_000)
    hub.fail(HubFault(path="*model-00001*", origin=Origin.CDN, truncate_at=2_000_000))
    folder = download(hub, tmp_path, allow_patterns=SHARD)
    assert contents(folder) == {SHARD: CONTENT[SHARD]}
    ranges = [request.headers.get("range") for request in hub.requests(Origin.CDN)]
    assert ranges == [None, "bytes=2000000-"]


def test_too_many_requests_are_repeated_when_the_hub_says(hub: RunningHub, tmp_path: Path) -> None:
    hub.fail(HubFault(origin=Origin.CDN, status=429, retry_after_s=0))
    assert contents(download(hub, tmp_path, allow_patterns=SHARD)) == {SHARD: CONTENT[SHARD]}
    hub.fail(HubFault(path="/api/models/*", status=429, retry_after_s=7))
    with pytest.raises(HfHubHTTPError, match="Retry after 7 seconds"):
        api(hub).model_info(OPEN)


def test_a_hub_in_trouble_is_an_error_of_its_own(hub: RunningHub) -> None:
    hub.fail(HubFault(status=503, times=None))
    with pytest.raises(HfHubHTTPError, match="injected fault") as refusal:
        api(hub).model_info(OPEN)
    assert refusal.value.response.status_code == 503
