"""`adept local`: when nothing runs it says what to do; `exec` is transparent to the command it runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from endpoints.local import daemon
from endpoints.local.local_status import EndpointStatus, LocalStatus
from endpoints.local.model_source import LocalModels, ModelSource, SourceKind
from endpoints.local.settings import ACCESS_KEY_ID
from tests.unit.commands.conftest import Adept, server


@pytest.mark.parametrize(
    "arguments",
    [
        ("demo",),
        ("invoke", "job-parsing", "hello"),
        ("invoke", "job-parsing", "hello", "--stream"),
        ("access",),
        ("local", "deploy"),
        ("local", "exec", "--", "true"),
    ],
)
def test_what_needs_the_embedded_aws_says_how_to_start_it(adept: Adept, arguments: tuple[str, ...]) -> None:
    done = adept(*arguments)

    assert done.exit_code == 1
    assert done.stdout == ""
    assert "error: the embedded AWS is not running" in done.stderr
    assert "make demo" in done.stderr or "adept local up" in done.stderr
    assert "Traceback" not in done.stderr


def test_status_fails_and_says_how_to_start(adept: Adept) -> None:
    done = adept("local", "status")

    assert done.exit_code == 1
    assert "not running. Start it: adept local up" in done.stdout


def test_status_as_json_when_nothing_runs(adept: Adept, home: Path) -> None:
    done = adept("local", "status", "--json")

    assert done.exit_code == 1
    assert (done.document["running"], done.document["home"]) == (False, str(home))
    assert done.document["endpoints"] == done.document["model_servers"] == []


def test_down_of_nothing_succeeds_and_makes_no_directory(adept: Adept, home: Path) -> None:
    done = adept("local", "down")

    assert done.exit_code == 0
    assert "was not running" in done.stdout
    assert not home.exists()


def test_status_shows_endpoints_and_the_processes_behind_them(
    adept: Adept, running: LocalStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = dataclasses.replace(
        running,
        endpoints=(EndpointStatus("adept-local-x", "Failed", 0, 2, "primary: [/out] of memory"),),
        model_servers=(server("adept/tiny-1", restarts=2),),
    )
    monkeypatch.setattr(daemon, "status", lambda _settings: state)
    done = adept("local", "status")

    assert done.exit_code == 0
    assert "0/2" in done.stdout
    assert "primary: [/out] of memory" in done.stdout  # as it is, whatever rich makes of brackets
    servers = adept("local", "status", "--json").document["model_servers"]
    assert [(server["pid"], server["restarts"]) for server in servers] == [(None, 2)]


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize(("program", "exit_code"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 128 + 9)])
def test_exec_exits_as_its_command_did(adept: Adept, program: str, exit_code: int) -> None:
    assert adept("local", "exec", "--", "sh", "-c", program).exit_code == exit_code


@pytest.mark.usefixtures("running")
def test_exec_gives_the_command_the_embedded_aws_and_its_own_options(
    adept: Adept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production-admin")
    program = 'echo "$AWS_ENDPOINT_URL $AWS_ACCESS_KEY_ID [$AWS_PROFILE] $*"'
    done = adept("local", "exec", "sh", "-c", program, "sh", "--all", "--home", "elsewhere")

    assert done.stdout == f"http://127.0.0.1:4577 {ACCESS_KEY_ID} [] --all --home elsewhere\n"


@pytest.mark.usefixtures("running")
def test_exec_of_a_command_that_is_not_there(adept: Adept) -> None:
    done = adept("local", "exec", "--", "no-such-command-here")

    assert done.exit_code == 1
    assert "error: no command 'no-such-command-here'\nIs it installed and on PATH?" in done.stderr


def test_status_says_which_bytes_answer_and_what_waits_for_a_deploy(
    adept: Adept, running: LocalStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given endpoints that serve the tiny models, on a server that has another one by now
    tiny = (server("adept/tiny-1", "a/primary", "b/primary"), server("adept/tiny-2", "a/alternative"))
    qwen = ModelSource(SourceKind.DIRECTORY, "/models/qwen", "Qwen/Qwen2.5-0.5B-Instruct", "f" * 40)
    models = LocalModels({"primary": qwen, "alternative": qwen})
    state = dataclasses.replace(running, model_servers=tiny, models=models)
    monkeypatch.setattr(daemon, "status", lambda _settings: state)

    said = adept("local", "status").stdout

    assert "primary variants are served by adept/tiny-1@eeeeeeee\n" in said
    assert "alternative variants are served by adept/tiny-2@eeeeeeee\n" in said
    assert "Qwen/Qwen2.5-0.5B-Instruct will stand in for every primary model once it is deployed" in said


def test_with_a_backend_status_names_it_and_nothing_waits(
    adept: Adept, running: LocalStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = ModelSource(SourceKind.OPENAI_URL, "http://localhost:11434/v1", "llama3.2")
    tiny = ModelSource(SourceKind.DIRECTORY, "/models/tiny", "adept/tiny-1", "e" * 40, meaningful=False)
    serving = server("llama3.2", "a/primary", revision=None)
    models = LocalModels({"primary": tiny}, backend)
    state = dataclasses.replace(running, model_servers=(serving,), models=models)
    monkeypatch.setattr(daemon, "status", lambda _settings: state)

    said = adept("local", "status").stdout

    assert "primary variants are served by llama3.2\n" in said
    assert "will stand in" not in said
