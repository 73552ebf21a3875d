"""`adept stage`: through the account's own stager, from a folder, from another bucket; what it says, how it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from huggingface_hub import snapshot_download

from endpoints.adapters import hub_staging
from endpoints.adapters.hub_staging import stage_from_hub
from endpoints.adapters.stager import Stager
from endpoints.catalogue import load_catalogue
from endpoints.local.hub import HubFault, Origin
from endpoints.locks import LockedSnapshot
from endpoints.weights.executions import execution_id
from endpoints.weights.layout import SnapshotId
from endpoints.weights.manifest import Manifest
from tests.contracts.weights_commands.conftest import FILES, Adept, Deployed, locked

Publish = Callable[..., LockedSnapshot]
SHA = "d" * 40


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_staging, "POLL_S", 0.05)


def _id(one: LockedSnapshot) -> SnapshotId:
    assert one.revision
    return SnapshotId(one.repository, one.revision)


def _stored(deployed: Deployed, one: LockedSnapshot) -> dict[str, bytes]:
    prefix = _id(one).prefix
    objects = deployed.world.objects(prefix)
    return {key.removeprefix(prefix): body for key, body in objects.items()}


def _manifest(deployed: Deployed, one: LockedSnapshot) -> Manifest:
    found = deployed.store.manifest(_id(one))
    assert found is not None
    return found


def _folder(root: Path, files: Mapping[str, bytes] = FILES) -> Path:
    root.mkdir(parents=True)
    for name, data in files.items():
        (root / name).write_bytes(data)
    return root


@dataclass
class Totals:
    """A reporter that keeps what it is told of a snapshot's size."""

    totals: set[int | None] = field(default_factory=set)

    def set(self, _name: str, _size_bytes: int, *, total: int | None, note: str = "") -> None:
        self.totals.add(total)
        assert (total is None) == (note == "asking the Hub")

    def add(self, name: str, size_bytes: int) -> None:
        raise AssertionError(f"{size_bytes} bytes of {name} came through this process")


class TestFromTheHub:
    def test_every_snapshot_of_the_lock_is_staged_and_a_second_time_there_is_nothing_to_do(
        self, adept: Adept, deployed: Deployed, publish: Publish
    ) -> None:
        with_files, by_commit = publish(), publish(listed=False)
        deployed.lock(with_files, by_commit)

        first = adept("stage", "--env", "staging")
        asked = len(deployed.world.hub.requests())
        second = adept("stage", "--env", "staging")

        assert (first.exit_code, second.exit_code) == (0, 0)
        assert _stored(deployed, with_files) == _stored(deployed, by_commit) == FILES
        assert second.printed.count("staged already") == 2
        assert len(deployed.world.hub.requests()) == asked

    def test_as_json(self, adept: Adept, deployed: Deployed, publish: Publish) -> None:
        one = publish()
        deployed.lock(one)
        (told,) = adept("stage", "--env", "staging", "--json").document["snapshots"]

        assert (told["repository"], told["revision"]) == (one.repository, one.revision)
        assert (told["status"], told["staged"], told["message"]) == ("staged", True, None)
        assert (told["size_bytes"], told["files"]) == (sum(map(len, FILES.values())), len(FILES))

    def test_what_fails_is_told_in_the_workers_words_and_the_others_are_staged(
        self, adept: Adept, deployed: Deployed, publish: Publish
    ) -> None:
        there, nowhere = publish(), locked("acme/nowhere", SHA)
        deployed.lock(nowhere, there)
        done = adept("stage", "--env", "staging")

        assert done.exit_code == 1
        assert f"acme/nowhere@{SHA}: HubNotFound: " in done.printed
        assert "adept lock --env staging" in done.printed
        assert _stored(deployed, there) == FILES
        assert "Traceback" not in done.stderr

    def test_a_failed_one_is_tried_again(self, adept: Adept, deployed: Deployed, publish: Publish) -> None:
        one = publish()
        wrong = dict(FILES) | {"tokenizer.json": b"x" * len(FILES["tokenizer.json"])}
        deployed.lock(locked(one.repository, str(one.revision), wrong))
        assert adept("stage", "--env", "staging").exit_code == 1

        deployed.lock(one)
        assert adept("stage", "--env", "staging").exit_code == 0
        assert _stored(deployed, one) == FILES

    def test_ctrl_c_leaves_it_running_and_whoever_comes_next_joins_it(
        self, adept: Adept, deployed: Deployed, publish: Publish, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # given a stage that somebody stops to watch
        one = publish()
        deployed.lock(one)
        with monkeypatch.context() as patch:
            patch.setattr(time, "sleep", _interrupted)
            left = adept("stage", "--env", "staging", "--model", one.repository)

        # when
        done = adept("stage", "--env", "staging")

        # then one execution has done it
        assert left.exit_code == 130
        again = f"adept stage --env staging --model {one.repository}"
        assert f"goes on in the account. Watch it again: {again}" in left.printed
        assert done.exit_code == 0
        assert _stored(deployed, one) == FILES
        runs = deployed.world.client("stepfunctions").list_executions(
            stateMachineArn=deployed.world.arns["stager"]
        )["executions"]
        assert [run["name"] for run in runs if run["name"].startswith(execution_id(_id(one)))] == [
            f"{execution_id(_id(one))}-1"
        ]

    def test_after_a_joined_run_that_was_started_for_fewer_files_the_next_one_copies_the_rest(
        self, adept: Adept, deployed: Deployed, publish: Publish
    ) -> None:
        # given a run that is to copy one file, and a Hub that takes its time
        one = publish()
        deployed.lock(one)
        deployed.world.hub.fail(HubFault(path="/api/*", delay_s=1.0))
        stager = Stager(deployed.store.account, deployed.world.arns["stager"])
        first = one.model_dump(mode="json", exclude_none=True)["files"][:1]
        request = {"repository": one.repository, "revision": one.revision, "files": first, "select": None}
        stager.start_or_join(_id(one), request, has_manifest=lambda: False)

        # when
        done = adept("stage", "--env", "staging")

        # then
        assert done.exit_code == 0
        assert _stored(deployed, one) == FILES
        assert [file.path for file in _manifest(deployed, one).files] == sorted(FILES)

    def test_what_no_lock_lists_is_as_large_as_the_running_attempt_has_planned(
        self, deployed: Deployed, publish: Publish
    ) -> None:
        # given a Hub that takes its time for the weights
        one = publish(listed=False)
        deployed.world.hub.fail(HubFault(path="*00001*", origin=Origin.CDN, delay_s=1.0))
        seen = Totals()

        # when
        stager = Stager(deployed.store.account, deployed.world.arns["stager"])
        (outcome,) = stage_from_hub(
            deployed.store, stager, (one,), seen, environment=load_catalogue().environment("staging")
        )

        # then whoever watched knew how much is to come
        assert outcome.is_staged
        assert seen.totals - {None} == {sum(map(len, FILES.values()))}

    def test_one_model_alone(self, adept: Adept, deployed: Deployed, publish: Publish) -> None:
        one, other = publish(), publish()
        deployed.lock(one, other)

        assert adept("stage", "--env", "staging", "--model", one.repository).exit_code == 0
        assert _stored(deployed, other) == {}

        unknown = adept("stage", "--env", "staging", "--model", "acme/unknown")
        assert unknown.exit_code == 1
        assert "staging runs no acme/unknown" in unknown.printed

    def test_staged_bytes_that_are_not_the_locked_ones_are_never_called_staged(
        self, adept: Adept, deployed: Deployed, publish: Publish
    ) -> None:
        one = publish()
        deployed.lock(one)
        adept("stage", "--env", "staging")
        other = dict(FILES) | {"config.json": b"{}"}
        deployed.lock(locked(one.repository, str(one.revision), other))
        done = adept("stage", "--env", "staging")

        assert done.exit_code == 1
        assert "what is staged is not what is locked: config.json" in done.printed

    def test_a_file_that_is_gone_is_copied_again_although_there_is_a_manifest(
        self, adept: Adept, deployed: Deployed, publish: Publish
    ) -> None:
        one = publish()
        deployed.lock(one)
        adept("stage", "--env", "staging")
        deployed.store.delete_keys([f"{_id(one).prefix}config.json"])
        done = adept("stage", "--env", "staging")

        assert done.exit_code == 0
        assert "config.json is gone or was replaced: staging it anew" in done.printed
        assert _stored(deployed, one) == FILES


class TestFromAFolder:
    def test_folders_named_as_repositories(self, adept: Adept, deployed: Deployed, tmp_path: Path) -> None:
        one, two = locked("acme/folder-one", SHA, FILES), locked("acme/folder-two", SHA, FILES)
        deployed.lock(one, two)
        for each in (one, two):
            _folder(tmp_path / "models" / each.repository)
        done = adept("stage", "--env", "staging", "--from", str(tmp_path / "models"))

        assert done.exit_code == 0
        assert _stored(deployed, one) == _stored(deployed, two) == FILES
        assert _manifest(deployed, one).staged_from == "folder"
        assert deployed.world.hub.requests() == []
        assert deployed.world.objects("_staging/") == {}

    def test_one_models_own_folder_which_is_named_where_several_are_missing(
        self, adept: Adept, deployed: Deployed, tmp_path: Path
    ) -> None:
        one, two = locked("acme/own-one", SHA, FILES), locked("acme/own-two", SHA, FILES)
        deployed.lock(one, two)
        folder = str(_folder(tmp_path / "weights"))

        nameless = adept("stage", "--env", "staging", "--from", folder)
        named = adept("stage", "--env", "staging", "--from", folder, "--model", "acme/own-two")

        assert nameless.exit_code == 1
        assert "holds no acme/own-one" in nameless.printed
        assert "--model" in nameless.printed
        assert named.exit_code == 0
        assert _stored(deployed, two) == FILES

    def test_the_hubs_own_cache_with_its_links(
        self, adept: Adept, deployed: Deployed, publish: Publish, tmp_path: Path
    ) -> None:
        one, other = publish(), locked("acme/not-cached", SHA, FILES)
        deployed.lock(one, other)
        cache = tmp_path / "cache"
        snapshot = snapshot_download(
            one.repository, revision=one.revision, cache_dir=cache, endpoint=deployed.world.hub.url
        )
        assert (Path(snapshot) / "config.json").is_symlink()

        done = adept("stage", "--env", "staging", "--from", snapshot)

        assert done.exit_code == 1  # the other one is not there
        assert _stored(deployed, one) == FILES
        assert (
            adept("stage", "--env", "staging", "--from", str(cache), "--model", one.repository).exit_code == 0
        )

    def test_a_damaged_file_is_refused_and_nothing_becomes_usable(
        self, adept: Adept, deployed: Deployed, tmp_path: Path
    ) -> None:
        one = locked("acme/damaged", SHA, FILES)
        deployed.lock(one)
        name = "model-00001-of-00002.safetensors"
        damaged = FILES[name][:-1] + bytes([FILES[name][-1] ^ 1])
        folder = str(_folder(tmp_path / "weights", dict(FILES) | {name: damaged}))
        done = adept("stage", "--env", "staging", "--from", folder)

        assert done.exit_code == 1
        assert f"{name} in {folder} is not the file that is locked" in done.printed
        assert name not in _stored(deployed, one)
        assert deployed.store.manifest(_id(one)) is None

        (Path(folder) / name).write_bytes(FILES[name])
        assert adept("stage", "--env", "staging", "--from", folder).exit_code == 0
        assert _stored(deployed, one) == FILES

    def test_missing_files_are_all_named(self, adept: Adept, deployed: Deployed, tmp_path: Path) -> None:
        deployed.lock(locked("acme/partial", SHA, FILES))
        folder = _folder(tmp_path / "weights", {"config.json": FILES["config.json"]})
        done = adept("stage", "--env", "staging", "--from", str(folder))

        assert done.exit_code == 1
        assert all(f"{name} is missing" in done.printed for name in FILES if name != "config.json")

    @pytest.mark.parametrize("named", [True, False], ids=["named", "the only one missing"])
    def test_a_folder_of_another_model_is_not_to_be_overwritten(
        self, adept: Adept, deployed: Deployed, tmp_path: Path, named: bool
    ) -> None:
        one = locked("acme/wanted", SHA, FILES)
        deployed.lock(one)
        folder = _folder(tmp_path / "other", dict(FILES) | {"tokenizer.json": b"of another model"})
        model = ("--model", one.repository) if named else ()
        done = adept("stage", "--env", "staging", "--from", str(folder), *model)

        beside = folder / one.repository
        assert done.exit_code == 1
        assert f"Is it another model's? Put this one beside it: hf download {one.repository}" in done.printed
        assert f"--revision {SHA} --local-dir {beside} Is it this one's? Download" in done.printed

        # and what is put there is what counts
        _folder(beside)
        assert adept("stage", "--env", "staging", "--from", str(folder), *model).exit_code == 0
        assert _stored(deployed, one) == FILES

    def test_of_several_models_those_that_are_whole_are_staged_and_of_each_other_it_is_said_what_is_missing(
        self, adept: Adept, deployed: Deployed, tmp_path: Path
    ) -> None:
        # given a folder with one model, parts of two, another commit of one, and nothing of the last
        named = ("whole", "half", "tokenizer", "moved", "absent")
        whole, half, tokenizer, moved, absent = (locked(f"acme/some-{name}", SHA, FILES) for name in named)
        deployed.lock(whole, half, tokenizer, moved, absent)
        models, shard = tmp_path / "models", "model-00002-of-00002.safetensors"
        _folder(models / whole.repository)
        _folder(models / half.repository, {name: FILES[name] for name in FILES if name != shard})
        _folder(models / tokenizer.repository, {"tokenizer.json": FILES["tokenizer.json"]})
        _folder(models / moved.repository / ("e" * 40))

        # when
        done = adept("stage", "--env", "staging", "--from", str(models))

        # then
        assert done.exit_code == 1
        assert _stored(deployed, whole) == FILES
        assert deployed.store.manifest(_id(whole))
        assert "1 of 5 snapshots are staged" in done.printed
        download = f"hf download {half.repository} --revision {SHA} --local-dir {models / half.repository}"
        assert f"{_id(half)}: {models / half.repository} is not the snapshot" in done.printed
        assert f"{shard} is missing Download that very commit again: {download}" in done.printed
        assert f"config.json is missing; model-00001-of-00002.safetensors is missing; {shard}" in done.printed
        assert f"holds {moved.repository} at {'e' * 40}, and not at the commit that is locked" in done.printed
        assert f"holds no {absent.repository} Put it there: hf download" in done.printed
        for one in (half, tokenizer, moved, absent):
            assert deployed.store.manifest(_id(one)) is None

        # and what was asked for alone is all that counts
        assert (
            adept("stage", "--env", "staging", "--from", str(models), "--model", whole.repository).exit_code
            == 0
        )

    def test_without_a_list_of_files_nobody_guesses_whose_a_folder_is(
        self, adept: Adept, deployed: Deployed, tmp_path: Path
    ) -> None:
        one = locked("acme/guessed", SHA)
        deployed.lock(one)
        done = adept("stage", "--env", "staging", "--from", str(_folder(tmp_path / "weights")))

        assert done.exit_code == 1
        assert "--model" in done.printed
        assert _stored(deployed, one) == {}

    def test_without_a_list_of_files_it_is_said_that_nothing_proves_them(
        self, adept: Adept, deployed: Deployed, tmp_path: Path
    ) -> None:
        one = locked("acme/unlisted", SHA)
        deployed.lock(one)
        files = dict(FILES) | {"pytorch_model.bin": b"pickled"}
        folder = str(_folder(tmp_path / "weights", files))
        done = adept("stage", "--env", "staging", "--from", folder, "--model", one.repository)

        assert done.exit_code == 0
        assert f"no lock names the files of {_id(one)}" in done.printed
        assert _stored(deployed, one) == FILES  # and no pickle

    def test_no_such_folder_is_said_where_everything_is_staged_too(
        self, adept: Adept, deployed: Deployed, tmp_path: Path
    ) -> None:
        deployed.lock(locked("acme/x", SHA, FILES))
        assert adept("stage", "--env", "staging", "--from", str(_folder(tmp_path / "weights"))).exit_code == 0

        done = adept("stage", "--env", "staging", "--from", "/no/such/folder")

        assert done.exit_code == 1
        assert "there is no folder /no/such/folder" in done.printed

    @pytest.mark.parametrize("source", ["", " "], ids=["an empty variable", "a blank"])
    def test_no_name_at_all_is_not_the_current_folder(
        self, adept: Adept, deployed: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
    ) -> None:
        one = locked("acme/current", SHA, FILES)
        deployed.lock(one)
        monkeypatch.chdir(_folder(tmp_path / "weights"))
        done = adept("stage", "--env", "staging", "--from", source)

        assert done.exit_code == 1
        assert "--from names nothing" in done.printed
        assert _stored(deployed, one) == {}

    @pytest.mark.parametrize("source", ["s3://no-such-bucket/x", "empty"])
    def test_a_source_that_nobody_needed_is_not_passed_over_in_silence(
        self, adept: Adept, deployed: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
    ) -> None:
        deployed.lock(locked("acme/x", SHA, FILES))
        adept("stage", "--env", "staging", "--from", str(_folder(tmp_path / "weights")))
        (tmp_path / "empty").mkdir()
        monkeypatch.chdir(tmp_path)
        done = adept("stage", "--env", "staging", "--from", source)

        assert done.exit_code == 0
        assert f"everything is staged already: nobody has looked into {source}" in done.printed

    def test_no_such_folder(self, adept: Adept, deployed: Deployed) -> None:
        deployed.lock(locked("acme/x", SHA, FILES))
        done = adept("stage", "--env", "staging", "--from", "/no/such/folder")

        assert done.exit_code == 1
        assert "there is no folder /no/such/folder" in done.printed


class TestFromAnotherBucket:
    def test_objects_are_read_with_the_operators_credentials(self, adept: Adept, deployed: Deployed) -> None:
        one = locked("acme/elsewhere", SHA, FILES)
        deployed.lock(one)
        s3 = deployed.world.client("s3")
        s3.create_bucket(Bucket="elsewhere")
        for name, data in FILES.items():
            s3.put_object(Bucket="elsewhere", Key=f"copies/{one.repository}/{SHA}/{name}", Body=data)
        done = adept("stage", "--env", "staging", "--from", "s3://elsewhere/copies/")

        assert done.exit_code == 0
        assert _stored(deployed, one) == FILES
        assert _manifest(deployed, one).staged_from == "s3://elsewhere/copies"

    def test_what_it_holds_in_part_or_at_another_commit_is_said(
        self, adept: Adept, deployed: Deployed
    ) -> None:
        half, moved = locked("acme/bucket-half", SHA, FILES), locked("acme/bucket-moved", SHA, FILES)
        deployed.lock(half, moved)
        s3 = deployed.world.client("s3")
        s3.create_bucket(Bucket="in-part")
        s3.put_object(Bucket="in-part", Key=f"{half.repository}/tokenizer.json", Body=FILES["tokenizer.json"])
        s3.put_object(Bucket="in-part", Key=f"{moved.repository}/{'e' * 40}/config.json", Body=b"{}")
        done = adept("stage", "--env", "staging", "--from", "s3://in-part")

        assert done.exit_code == 1
        assert (
            f"s3://in-part/{half.repository}/ is not the snapshot that is locked: config.json" in done.printed
        )
        assert f"s3://in-part holds {moved.repository} at {'e' * 40}, and not at the commit" in done.printed
        assert "aws s3 cp --recursive FOLDER s3://in-part/" in done.printed

    @pytest.mark.parametrize(
        ("source", "remedy"),
        [
            ("s3://no-such-bucket/x", "Is its name right?"),
            ("s3://", "Give s3://BUCKET or s3://BUCKET/PREFIX."),
        ],
    )
    def test_a_bucket_that_is_not_there(
        self, adept: Adept, deployed: Deployed, source: str, remedy: str
    ) -> None:
        deployed.lock(locked("acme/x", SHA, FILES))
        done = adept("stage", "--env", "staging", "--from", source)

        assert done.exit_code == 1
        assert "error: " in done.stderr
        assert remedy in done.printed
        assert "Traceback" not in done.stderr


def _interrupted(_seconds: float) -> None:
    raise KeyboardInterrupt
