"""The state file is whole at every moment, and is written at rest only."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from endpoints.errors import LocalError
from endpoints.local import state
from endpoints.local.state import StateFile, StateKeeper


def test_what_was_written_is_read_and_only_its_owner_may(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state" / "state.json")
    assert file.read() is None
    file.write(file.render({"a": [1, 2]}))
    assert file.read() == {"format": state.FORMAT, "a": [1, 2]}
    assert (tmp_path / "state" / "state.json").stat().st_mode & 0o077 == 0


def test_a_write_that_fails_leaves_the_last_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = StateFile(tmp_path / "state.json")
    file.write(file.render({"a": 1}))

    def full(_descriptor: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        file.write(file.render({"a": 2}))
    assert (file.read() or {})["a"] == 1


@pytest.mark.parametrize(
    ("text", "why"), [('{"format": 1, "a"', "not valid JSON"), ('{"format": 99}', "another version")]
)
def test_a_document_that_cannot_be_understood_is_not_overwritten(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(LocalError, match=why) as error:
        StateFile(path).read()
    assert "Move it away" in (error.value.remedy or "")
    assert path.read_text() == text


def test_nothing_is_saved_while_an_operation_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "SAVE_INTERVAL_S", 0.01)
    path = tmp_path / "state.json"
    resting = False
    document: dict[str, Any] = {"stack": "CREATE_IN_PROGRESS"}

    async def run() -> None:
        nonlocal resting
        keeper = StateKeeper(StateFile(path), collect=lambda: document, at_rest=lambda: resting)
        keeper.start()
        # While the operation runs, a change is not saved
        keeper.note_change()
        await asyncio.sleep(0.05)
        assert not path.exists()
        # When it has ended, it is, without another change
        document["stack"], resting = "CREATE_COMPLETE", True
        await asyncio.sleep(0.1)
        assert json.loads(path.read_text())["stack"] == "CREATE_COMPLETE"
        # What changed unnoticed is saved by an orderly end, but not by one that cuts an operation short
        document["stack"], resting = "UPDATE_IN_PROGRESS", False
        await keeper.stop()

    asyncio.run(run())
    assert json.loads(path.read_text())["stack"] == "CREATE_COMPLETE"


def test_a_service_that_fails_once_does_not_end_the_saving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "SAVE_INTERVAL_S", 0.01)
    path = tmp_path / "state.json"
    answers: list[Any] = [RuntimeError("dictionary changed size during iteration"), {"n": 7}]

    def collect() -> dict[str, Any]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    async def run() -> None:
        keeper = StateKeeper(StateFile(path), collect=collect, at_rest=lambda: True)
        keeper.start()
        keeper.note_change()
        async with asyncio.timeout(10):
            while not path.exists():
                await asyncio.sleep(0.01)

    asyncio.run(run())
    assert json.loads(path.read_text())["n"] == 7


def test_an_orderly_end_saves_the_last_moment(tmp_path: Path) -> None:
    path = tmp_path / "state.json"

    async def run() -> None:
        keeper = StateKeeper(StateFile(path), collect=lambda: {"n": 7}, at_rest=lambda: True)
        keeper.start()
        await keeper.stop()

    asyncio.run(run())
    assert json.loads(path.read_text())["n"] == 7
