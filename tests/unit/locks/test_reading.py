"""A lock file that is wrong in itself: every mistake is found, with path, what was got and what is allowed."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from endpoints.catalogue import Fault
from endpoints.errors import LockError
from endpoints.locks import Lock, LockedFile, lock_path, read_lock, render
from endpoints.locks.paths import safe_path
from tests.unit.locks.support import CONFIG, ENVIRONMENTS, SHA, WEIGHTS, SpoiltLock, with_files

LLAMA = "meta-llama/Llama-3.1-8B-Instruct"


@pytest.fixture
def lock(tmp_path: Path) -> SpoiltLock:
    return SpoiltLock(tmp_path)


def _is_safe(path: str) -> bool:
    try:
        return safe_path(path) == path
    except ValueError:
        return False


def only(faults: list[Fault]) -> Fault:
    assert len(faults) == 1, faults
    return faults[0]


def test_the_copy_itself_is_valid(lock: SpoiltLock) -> None:
    assert read_lock("staging", lock.path) == read_lock("staging")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_lock_that_is_written_again_is_the_committed_file_byte_for_byte(environment: str) -> None:
    committed = read_lock(environment)

    assert render(committed) == lock_path(environment).read_text()


def test_a_file_is_one_line_so_that_a_changed_file_is_one_line_of_a_diff() -> None:
    text = render(with_files(read_lock("staging"), LLAMA))

    assert f"- {{path: config.json, size_bytes: 100, git_blob: {CONFIG.git_blob}}}\n" in text
    assert f"- {{path: model.safetensors, size_bytes: 900, sha256: {WEIGHTS.sha256}}}\n" in text


def test_a_lock_with_files_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "staging.lock.yaml"
    recorded = with_files(read_lock("staging"), LLAMA)
    path.write_text(render(recorded))

    assert read_lock("staging", path) == recorded


@settings(max_examples=60, deadline=None)
@given(
    path=st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(_is_safe),
    digest=st.text("0123456789abcdef", min_size=64, max_size=64),
)
def test_any_name_and_any_digest_are_read_as_they_were_written(path: str, digest: str) -> None:
    lock = read_lock("staging")
    files = (LockedFile(path=path, size_bytes=1, sha256=digest),)
    first = lock.snapshots[0].model_copy(update={"files": files, "total_bytes": 1})
    recorded = Lock.of("staging", [*lock.snapshots, first], lock.candidates)

    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "staging.lock.yaml"
        written.write_text(render(recorded), encoding="utf-8")
        assert read_lock("staging", written) == recorded


def test_a_missing_lock_names_the_file_and_the_command_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(LockError) as caught:
        read_lock("staging", tmp_path / "staging.lock.yaml")

    assert "staging has no lock file" in caught.value.message
    assert caught.value.remedy == "Write it: adept lock --env staging"


def test_every_fault_is_reported_at_once(lock: SpoiltLock) -> None:
    lock.edit(lambda d: d.update(version=2, colour="blue"))
    lock.edit(lambda d: d["snapshots"][0].update(revision="main"))
    lock.edit(lambda d: d["candidates"][1].update(engine="llamacpp"))
    lock.edit(lambda d: d["candidates"][2]["settings"].pop("gpu_count"))

    found = {fault.path: fault for fault in lock.faults()}

    assert set(found) == {
        "version",
        "colour",
        "snapshots[0].revision",
        "candidates[1].engine",
        "candidates[2].settings.gpu_count",
    }
    assert found["candidates[2].settings.gpu_count"].got == "nothing"
    assert found["version"].allowed == "1"


def test_the_lock_of_another_environment_is_refused(lock: SpoiltLock) -> None:
    lock.edit(lambda d: d.update(environment="production"))

    fault = only(lock.faults())

    assert (fault.path, fault.got, fault.allowed) == ("environment", "'production'", "'staging'")


def test_a_commit_without_a_snapshot_is_refused(lock: SpoiltLock) -> None:
    lock.edit(lambda d: d["candidates"][0].update(revision=SHA))

    fault = only(lock.faults())

    assert fault.path == "candidates[0].revision"
    assert SHA in fault.got


def test_the_same_candidate_twice_is_refused(lock: SpoiltLock) -> None:
    lock.edit(lambda d: d["candidates"].append(d["candidates"][0]))

    assert only(lock.faults()).got == "'behavioral-analysis primary' 2 times"


@pytest.mark.parametrize(
    ("files", "total", "allowed"),
    [
        (
            [{"path": "../config.json", "size_bytes": 1, "sha256": "a" * 64}],
            1,
            "without empty parts, . or ..",
        ),
        ([{"path": "/etc/passwd", "size_bytes": 1, "sha256": "a" * 64}], 1, "a relative path"),
        ([{"path": "a\\b.json", "size_bytes": 1, "sha256": "a" * 64}], 1, "a relative path"),
        ([{"path": "a\nb.json", "size_bytes": 1, "sha256": "a" * 64}], 1, "a relative path"),
        ([{"path": "config.json", "size_bytes": 1}], 1, "sha256 or git_blob"),
        ([{"path": "config.json", "size_bytes": 1, "sha256": "short"}], 1, "text that matches"),
        ([{"path": "config.json", "size_bytes": -1, "sha256": "a" * 64}], 1, "greater than or equal to 0"),
        ([{"path": "config.json", "size_bytes": 1, "sha256": "a" * 64}], 2, "the files' sum, 1"),
        ([{"path": "config.json", "size_bytes": 1, "sha256": "a" * 64}], None, "both or neither"),
        (
            [{"path": p, "size_bytes": 1, "sha256": "a" * 64} for p in ("b.json", "a.json")],
            2,
            "by path, each once",
        ),
        ([], 0, "at least one"),
    ],
)
def test_files_that_prove_nothing_or_lead_elsewhere_are_refused(
    lock: SpoiltLock, files: list[object], total: int | None, allowed: str
) -> None:
    lock.edit(lambda d: d["snapshots"][0].update(files=files, total_bytes=total))

    assert allowed in only(lock.faults()).allowed


def test_what_is_no_yaml_is_one_fault(lock: SpoiltLock) -> None:
    lock.path.write_text("version: 1\n<<<<<<< HEAD\ncandidates: []\n")

    fault = only(lock.faults())
    assert fault.allowed == "YAML"
    assert fault.path == "line 3, column 1"
    assert "unicode string" not in str(fault)


def test_a_lock_without_snapshots_is_a_fault_and_no_crash(lock: SpoiltLock) -> None:
    lock.edit(lambda d: d.pop("snapshots"))

    assert "snapshots" in {fault.path for fault in lock.faults()}


def test_a_key_that_stands_twice_is_refused(lock: SpoiltLock) -> None:
    lock.path.write_text(lock.path.read_text() + "environment: staging\n")

    assert "a key stands twice: environment" in only(lock.faults()).got


def test_text_in_the_shape_of_a_token_is_refused_and_not_repeated(lock: SpoiltLock) -> None:
    token = "hf_" + "x" * 34
    lock.edit(lambda d: d["candidates"][0]["image"].update(tag=token))

    fault = only(lock.faults())

    assert fault.allowed.startswith("no secret")
    assert token not in str(fault)


def test_yaml_is_plain_data_so_any_tool_can_read_it() -> None:
    document = yaml.safe_load(lock_path("staging").read_text())

    assert list(document) == ["version", "environment", "snapshots", "candidates"]
