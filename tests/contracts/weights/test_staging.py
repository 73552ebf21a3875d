"""From the Hub into the bucket, by the real functions and state machines on the embedded AWS."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from endpoints.local.hub import HubFault, HubRepository, Origin
from lambdas.weights.snapshot import Snapshot
from lambdas.weights.store import SnapshotStore
from tests.contracts.weights.conftest import CONTENT, published
from tests.contracts.weights.world import BUCKET, World, files_of
from tests.support.waiting import eventually

LARGE = "model-00001-of-00003.safetensors"


def test_a_snapshot_is_copied_byte_for_byte_and_its_manifest_says_so(
    world: World, repository: HubRepository
) -> None:
    ended = world.stage(repository)

    assert (ended.status, ended.cause) == ("SUCCEEDED", None)
    assert world.snapshot(repository) == files_of(repository)
    manifest = world.manifest(repository)
    assert manifest is not None
    assert manifest["staged_from"] == world.hub.url
    assert {file["path"]: file["sha256"] for file in manifest["files"]} == {
        path: hashlib.sha256(body).hexdigest() for path, body in files_of(repository).items()
    }
    assert manifest["total_bytes"] == sum(len(body) for body in files_of(repository).values())
    assert world.leftovers(repository) == []


def test_pickles_and_prose_are_not_copied(world: World, repository: HubRepository) -> None:
    world.stage(repository)

    assert set(CONTENT) - set(world.snapshot(repository)) == {"pytorch_model.bin", "README.md"}


def test_a_staged_snapshot_is_not_asked_for_again(world: World, repository: HubRepository) -> None:
    world.stage(repository)
    manifest = world.manifest(repository)
    world.hub.server.requests.clear()

    assert world.stage(repository, attempt=2).status == "SUCCEEDED"
    assert world.hub.requests() == []
    assert world.manifest(repository) == manifest


def test_only_what_is_missing_is_copied_after_a_stage_that_failed(
    world: World, repository: HubRepository
) -> None:
    # Given a Hub that does not give out the second part, however often it is asked
    world.hub.fail(HubFault(path=LARGE, origin=Origin.CDN, times=None, truncate_at=6 * 1024 * 1024))
    first = world.stage(repository)
    assert (first.status, first.error) == ("FAILED", "HubTruncated")
    assert "the next attempt goes on from there" in str(first.cause)
    assert world.manifest(repository) is None
    # When the Hub has recovered
    world.hub.fail()
    world.hub.server.requests.clear()
    assert world.stage(repository, attempt=2).status == "SUCCEEDED"
    # Then the parts that had arrived were not asked for again
    ranges = [r.headers.get("range") for r in world.hub.requests(Origin.CDN)]
    assert f"bytes={5 * 1024 * 1024}-{10 * 1024 * 1024 - 1}" in ranges
    assert f"bytes=0-{5 * 1024 * 1024 - 1}" not in ranges
    assert world.snapshot(repository) == files_of(repository)


def test_what_lies_there_unproved_is_proved_and_not_copied_again(
    world: World, repository: HubRepository
) -> None:
    # Given an object that somebody copied by hand, another that only has the right size, and one that has not
    prefix = f"{repository.repo_id}/{repository.commit('main')}/"
    s3 = world.client("s3")
    s3.put_object(Bucket=BUCKET, Key=prefix + LARGE, Body=CONTENT[LARGE])
    s3.put_object(Bucket=BUCKET, Key=prefix + "tokenizer.json", Body=b"short")

    assert world.stage(repository).status == "SUCCEEDED"

    assert world.snapshot(repository) == files_of(repository)
    asked = [r.path for r in world.hub.requests(Origin.HUB) if r.path.endswith(LARGE)]
    assert asked == []


def test_an_object_with_the_right_size_and_other_bytes_is_caught(
    world: World, repository: HubRepository
) -> None:
    key = f"{repository.repo_id}/{repository.commit('main')}/{LARGE}"
    world.client("s3").put_object(Bucket=BUCKET, Key=key, Body=bytes(len(CONTENT[LARGE])))

    ended = world.stage(repository)

    assert (ended.status, ended.error) == ("FAILED", "DigestMismatch")
    assert LARGE not in world.snapshot(repository)
    assert world.stage(repository, attempt=2).status == "SUCCEEDED"
    assert world.snapshot(repository) == files_of(repository)


def test_a_clean_that_comes_late_takes_no_object_from_the_attempt_that_proves_it(
    world: World, repository: HubRepository
) -> None:
    # Given a stage that was stopped while it cleaned, and the next one, which is about to prove what lies there
    snapshot = Snapshot.of(repository.repo_id, str(repository.commit("main")))
    content = files_of(repository)
    for path, body in content.items():
        world.client("s3").put_object(Bucket=BUCKET, Key=snapshot.object_key(path), Body=body)
    world.hub.server.requests.clear()

    # When the late worker of the first one goes on
    failure = {"Error": "DigestMismatch", "Cause": "{}"}
    state = {**world.request(repository), "failure": failure}
    report = world.invoke({"step": "clean", "attempt": "stopped-1", "state": state})

    # Then everything is still there, and no weights are asked for again
    assert (report["error"], report["again"]) == ("DigestMismatch", False)
    assert world.snapshot(repository) == content
    assert world.stage(repository).status == "SUCCEEDED"
    assert world.hub.requests(Origin.CDN) == []


def test_an_object_is_deleted_only_while_it_is_the_one_that_was_looked_at(
    world: World, repository: HubRepository
) -> None:
    # Given an object that was looked at, and another that has replaced one since
    store = SnapshotStore(world.client("s3"), BUCKET)
    snapshot = Snapshot.of(repository.repo_id, str(repository.commit("main")))
    same, replaced, gone = (snapshot.object_key(name) for name in ("same", "replaced", "gone"))
    for key in (same, replaced):
        world.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"looked at")
    found = store.objects(snapshot.prefix)
    world.client("s3").put_object(Bucket=BUCKET, Key=replaced, Body=b"proved since")

    store.delete_objects({**found, gone: found[same]})

    assert world.snapshot(repository) == {"replaced": b"proved since"}


def test_uploads_that_nobody_goes_on_with_are_aborted(world: World, repository: HubRepository) -> None:
    prefix = f"{repository.repo_id}/{repository.commit('main')}/"
    for name in ("stray.bin", LARGE, LARGE):
        world.client("s3").create_multipart_upload(Bucket=BUCKET, Key=prefix + name)

    assert world.stage(repository).status == "SUCCEEDED"
    assert world.leftovers(repository) == []


def test_an_attempt_for_what_cannot_be_costs_nothing_that_was_copied(
    world: World, repository: HubRepository
) -> None:
    # Given every part of the largest file, and a lock that then contradicts the Hub
    named = {"repository": repository.repo_id, "revision": repository.commit("main")}
    request = world.request(repository)
    planned = world.invoke({"step": "plan", "attempt": "wrong-1", "request": request})
    for part in json.loads(world.objects(planned["parts_key"])[planned["parts_key"]]):
        if part["file"]["path"] == LARGE:
            world.invoke({"step": "copy", "attempt": "wrong-1", "snapshot": named, "part": part})
    other = {"path": LARGE, "size_bytes": 1, "sha256": "0" * 64}
    assert world.stage(repository, attempt=2, files=[other]).error == "HubFileChanged"
    world.hub.server.requests.clear()
    # When it is mended
    assert world.stage(repository, attempt=3).status == "SUCCEEDED"
    # Then nothing of it is fetched again
    assert not [one for one in world.hub.requests() if one.path.endswith(LARGE)]
    assert world.snapshot(repository) == files_of(repository)


def test_an_upload_that_somebody_takes_away_is_begun_anew_by_the_same_stage(
    world: World, repository: HubRepository
) -> None:
    # Given a stage that waits for the Hub, with an upload begun
    world.hub.fail(HubFault(path=LARGE, origin=Origin.CDN, delay_s=2.0))
    running = world.start(repository)
    s3, key = world.client("s3"), f"{repository.repo_id}/{repository.commit('main')}/{LARGE}"
    uploads: list[str] = []

    def begun() -> bool:
        listed = s3.list_multipart_uploads(Bucket=BUCKET, Prefix=key).get("Uploads", [])
        uploads[:] = [row["UploadId"] for row in listed]
        return bool(uploads)

    eventually(begun, what="an upload", timeout_s=30)

    s3.abort_multipart_upload(Bucket=BUCKET, Key=key, UploadId=uploads[0])

    assert world.wait(running).status == "SUCCEEDED"
    assert world.snapshot(repository) == files_of(repository)
    assert world.leftovers(repository) == []


def test_recorded_files_are_staged_and_no_others(world: World, repository: HubRepository) -> None:
    sha256 = hashlib.sha256(CONTENT["config.json"]).hexdigest()
    recorded = {"path": "config.json", "size_bytes": len(CONTENT["config.json"]), "sha256": sha256}

    assert world.stage(repository, files=[recorded]).status == "SUCCEEDED"
    assert world.snapshot(repository) == {"config.json": CONTENT["config.json"]}


def test_a_lock_that_records_more_files_extends_the_snapshot(world: World, repository: HubRepository) -> None:
    names = ("config.json", "tokenizer.json")
    recorded = [
        {"path": name, "size_bytes": len(CONTENT[name]), "sha256": hashlib.sha256(CONTENT[name]).hexdigest()}
        for name in names
    ]
    world.stage(repository, files=recorded[:1])

    assert world.stage(repository, attempt=2, files=recorded).status == "SUCCEEDED"
    manifest = world.manifest(repository)
    assert manifest is not None
    assert [file["path"] for file in manifest["files"]] == list(names)
    assert set(world.snapshot(repository)) == set(names)


def test_a_lock_that_records_other_bytes_than_the_hubs_is_refused(
    world: World, repository: HubRepository
) -> None:
    size = len(CONTENT["config.json"])
    ended = world.stage(repository, files=[{"path": "config.json", "size_bytes": size, "git_blob": "0" * 40}])

    assert (ended.status, ended.error) == ("FAILED", "HubFileChanged")
    assert "has another git_blob of config.json" in str(ended.cause)
    assert world.snapshot(repository) == {}


def test_a_request_that_makes_no_sense_is_refused(world: World) -> None:
    repository = HubRepository("acme/nonsense", {"f" * 40: Path()})

    ended = world.stage(repository, revision="main")

    assert (ended.status, ended.error) == ("FAILED", "BadRequest")
    assert "40 lower-case hex digits" in str(ended.cause)


def test_more_parts_than_run_at_once_are_all_copied(world: World, tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"shard-{number}.safetensors").write_bytes(b"%d" % number * 100)
    repository = published(world, tmp_path)

    assert world.stage(repository).status == "SUCCEEDED"
    assert len(json.loads(world.objects("_manifests/")[_manifest_key(repository)])["files"]) == 12


def _manifest_key(repository: HubRepository) -> str:
    return f"_manifests/{repository.repo_id}/{repository.commit('main')}.json"


def test_what_was_proved_by_another_digest_is_proved_again_and_not_copied(
    world: World, repository: HubRepository
) -> None:
    # Given a snapshot from a folder, which knows nothing of the Hub's git
    body = CONTENT["config.json"]
    sha256 = hashlib.sha256(body).hexdigest()
    world.stage(repository, files=[{"path": "config.json", "size_bytes": len(body), "sha256": sha256}])
    manifest = world.manifest(repository)
    assert manifest is not None
    (file,) = manifest["files"]
    blob = file.pop("git_blob")
    world.client("s3").put_object(
        Bucket=BUCKET, Key=_manifest_key(repository), Body=json.dumps(manifest).encode()
    )
    # When a lock has recorded the Hub's own id of the file
    recorded = {"path": "config.json", "size_bytes": len(body), "git_blob": blob}
    assert world.stage(repository, attempt=2, files=[recorded]).status == "SUCCEEDED"
    # Then the manifest has both
    manifest = world.manifest(repository)
    assert manifest is not None
    assert manifest["files"] == [{**recorded, "sha256": sha256}]


def test_a_worker_that_comes_late_changes_nothing_of_a_staged_snapshot(
    world: World, repository: HubRepository
) -> None:
    # Given a staged snapshot, and a worker of a stage that was stopped, which still has an upload of its own
    world.stage(repository)
    manifest = world.manifest(repository)
    s3, key = world.client("s3"), f"{repository.repo_id}/{repository.commit('main')}/{LARGE}"
    upload_id = s3.create_multipart_upload(Bucket=BUCKET, Key=key, ChecksumAlgorithm="SHA256")["UploadId"]
    for number in range(1, 4):
        first = (number - 1) * 5 * 1024 * 1024
        wrong = bytes(min(5 * 1024 * 1024, len(CONTENT[LARGE]) - first))
        s3.upload_part(Bucket=BUCKET, Key=key, UploadId=upload_id, PartNumber=number, Body=wrong)
    named = {"repository": repository.repo_id, "revision": repository.commit("main")}
    facts = {file["path"]: file for file in (manifest or {})["files"]}
    # When it finishes its file, and copies a small one once more
    world.invoke(
        {
            "step": "finish",
            "attempt": "stopped-1",
            "snapshot": named,
            "file": {"file": facts[LARGE], "upload_id": upload_id, "part_bytes": 5 * 1024 * 1024},
        }
    )
    small = {"file": facts["config.json"], "upload_id": None, "span": None}
    world.invoke({"step": "copy", "attempt": "stopped-1", "snapshot": named, "part": small})
    # Then every byte is as it was
    assert world.snapshot(repository) == files_of(repository)
    assert world.manifest(repository) == manifest
