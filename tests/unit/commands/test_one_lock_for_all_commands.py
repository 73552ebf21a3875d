"""Which lock an environment runs from is decided once: templates, weights and what prune keeps come from the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from endpoints.commands import assembly, environment_weights
from endpoints.local import daemon
from endpoints.locks import LOCAL_LOCK, lock_path, read_lock


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The lock of what an embedded AWS serves, while the shell names another one that is not there."""
    committed = lock_path("local").read_text(encoding="utf-8")
    file = tmp_path / "served.lock.yaml"
    file.write_text(committed.replace("adept/tiny-1", "adept/served"), encoding="utf-8")
    monkeypatch.setenv(LOCAL_LOCK, str(tmp_path / "stale.lock.yaml"))
    monkeypatch.setattr(daemon, "client_environment", lambda _settings: {LOCAL_LOCK: str(file)})
    return file


def test_weights_are_staged_from_the_lock_that_templates_are_made_from(
    served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment_weights, "aws_of", lambda _environment: None)
    monkeypatch.setattr(environment_weights, "require_foundation", lambda *_: None)

    expected = read_lock("local", served)
    assert assembly.environment_lock("local") == expected
    assert environment_weights.weights_of("local").lock == expected


def test_what_prune_keeps_is_told_by_the_same_lock(served: Path) -> None:
    assert read_lock("local", served) in environment_weights.every_lock()
