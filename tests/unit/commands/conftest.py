"""`adept` as its console script runs it, on a machine where nothing of the project runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from endpoints import cli
from endpoints.local import daemon
from endpoints.local.local_status import LocalStatus, ModelServerStatus
from endpoints.local.settings import LocalSettings
from tests.support.commands import Ended

Adept = Callable[..., Ended]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An embedded AWS's home directory in which nothing was ever started."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "ADEPT_LOCAL_PORT", "ADEPT_LOCAL_BACKEND"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ADEPT_LOCAL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def adept(home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Adept:
    """Run `adept` with these arguments."""
    assert not home.exists()

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr("sys.argv", ["adept", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return Ended(ended.value.code, printed.out, printed.err)

    return run


@pytest.fixture
def running(home: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStatus:
    """What `adept` is told of the embedded AWS: that it runs."""
    state = LocalStatus(running=True, healthy=True, settings=LocalSettings(home=home), pid=1, processes=3)
    monkeypatch.setattr(daemon, "status", lambda _settings: state)
    return state


def server(
    model: str, *serves: str, restarts: int = 0, meaningful: bool = False, revision: str | None = "e" * 40
) -> ModelServerStatus:
    """A model server that is not running right now; `serves` are `<endpoint>/<variant>`."""
    return ModelServerStatus(
        model=model,
        revision=revision,
        meaningful=meaningful,
        port=5001,
        pid=None,
        restarts=restarts,
        containers=len(serves),
        serves=serves,
    )
