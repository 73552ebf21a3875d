"""`adept stage --from`: from a folder, from another bucket; what it says, how it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from huggingface_hub import snapshot_download

from endpoints.locks import LockedSnapshot
from tests.contracts.weights_commands.conftest import FILES, Adept, Deployed, id_of, locked

Publish = Callable[..., LockedSnapshot]
SHA = "d" * 40


def _folder(root: Path, files: Mapping[str, bytes] = FILES) -> Path:
    root.mkdir(parents=True)
    for name, data in files.items():
        (root / name).write_bytes(data)
    return root


class TestFromAFolder:
    def test_folders_named_as_repositories(self, adept: Adept, deployed: Deployed, tmp_path: Path) -> None:
        one, two = locked("acme/folder-one", SHA, FILES), locked("acme/folder-two", SHA, FILES)
        deployed.lock(one, two)
        for each in (one, two):
            _folder(tmp_path / "models" / each.repository)
        done = adept("stage", "--env", "staging", "--from", str(tmp_path / "models"))

        assert done.exit_code == 0
        assert deployed.stored(one) == deployed.stored(two) == FILES
        assert deployed.manifest(one).staged_from == "folder"
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
        assert deployed.stored(two) == FILES

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
        assert deployed.stored(one) == FILES
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
        assert name not in deployed.stored(one)
        assert deployed.store.manifest(id_of(one)) is None

        (Path(folder) / name).write_bytes(FILES[name])
        assert adept("stage", "--env", "staging", "--from", folder).exit_code == 0
        assert deployed.stored(one) == FILES

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
        assert deployed.stored(one) == FILES

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
        assert deployed.stored(whole) == FILES
        assert deployed.store.manifest(id_of(whole))
        assert "1 of 5 snapshots are staged" in done.printed
        download = f"hf download {half.repository} --revision {SHA} --local-dir {models / half.repository}"
        assert f"{id_of(half)}: {models / half.repository} is not the snapshot" in done.printed
        assert f"{shard} is missing Download that very commit again: {download}" in done.printed
        assert f"config.json is missing; model-00001-of-00002.safetensors is missing; {shard}" in done.printed
        assert f"holds {moved.repository} at {'e' * 40}, and not at the commit that is locked" in done.printed
        assert f"holds no {absent.repository} Put it there: hf download" in done.printed
        for one in (half, tokenizer, moved, absent):
            assert deployed.store.manifest(id_of(one)) is None

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
        assert deployed.stored(one) == {}

    def test_without_a_list_of_files_it_is_said_that_nothing_proves_them(
        self, adept: Adept, deployed: Deployed, tmp_path: Path
    ) -> None:
        one = locked("acme/unlisted", SHA)
        deployed.lock(one)
        files = dict(FILES) | {"pytorch_model.bin": b"pickled"}
        folder = str(_folder(tmp_path / "weights", files))
        done = adept("stage", "--env", "staging", "--from", folder, "--model", one.repository)

        assert done.exit_code == 0
        assert f"no lock names the files of {id_of(one)}" in done.printed
        assert deployed.stored(one) == FILES  # and no pickle

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
        assert deployed.stored(one) == {}

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
        assert deployed.stored(one) == FILES
        assert deployed.manifest(one).staged_from == "s3://elsewhere/copies"

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
