"""`adept invoke`, `adept demo`, `adept access`: what they print of an answer, and where."""

from __future__ import annotations

import dataclasses
import io
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from endpoints.adapters import sagemaker_runtime
from endpoints.adapters.router_client import Answer
from endpoints.adapters.stack_outputs import RouterAccess
from endpoints.catalogue import load_catalogue
from endpoints.commands import access, demo, invoke
from endpoints.local import daemon
from endpoints.local.local_status import LocalStatus
from tests.unit.commands.conftest import Adept, server

# Both would be markup to rich: the one vanishes, the other is an error.
TEXT = "[bold] claims [/INST] end here"
ACCESS = RouterAccess(base_url="http://127.0.0.1:4577/it's/api", api_key="a key's $HOME `id`")


def _answer(use_case: str, **changes: Any) -> Answer:
    values: dict[str, Any] = {
        "text": TEXT,
        "use_case": use_case,
        "candidate": "primary",
        "model_id": "some/model",
        "prompt_tokens": 5,
        "completion_tokens": None,
        "attempts": 2,
        "latency_ms": 12.6,
        "finish_reason": "stop",
    }
    return Answer(**values | changes)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, dict[str, Any]]]:
    """Every question, answered with TEXT: use case, prompt, options."""
    questions: list[tuple[str, str, dict[str, Any]]] = []

    def chat(_access: RouterAccess, use_case: str, prompt: str, **options: Any) -> Answer:
        questions.append((use_case, prompt, options))
        return _answer(use_case)

    for module in (invoke, demo):
        monkeypatch.setattr(module, "router_of", lambda _environment: ACCESS)
        monkeypatch.setattr(module, "chat", chat)
    monkeypatch.setattr(access, "router_of", lambda _environment: ACCESS)
    return questions


Asked = list[tuple[str, str, dict[str, Any]]]


def test_invoke_prints_the_answer_alone_and_its_origin_on_standard_error(adept: Adept, asked: Asked) -> None:
    done = adept("invoke", "job-parsing", "hello", "--candidate", "alternative", "--max-tokens", "7")

    assert done.exit_code == 0
    assert done.stdout == f"{TEXT}\n"
    assert "primary · some/model" in done.stderr
    assert "13 ms · attempt 2 · stop" in done.stderr
    assert asked == [("job-parsing", "hello", {"candidate": "alternative", "max_tokens": 7})]


def test_invoke_as_json_is_everything_known_of_the_answer(adept: Adept, asked: Asked) -> None:
    done = adept("invoke", "job-parsing", "hello", "--json")

    assert done.document == vars(_answer("job-parsing"))
    assert len(asked) == 1


def test_a_dash_reads_the_prompt_from_standard_input(
    adept: Adept, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a long\nprompt"))
    adept("invoke", "job-parsing", "-")

    assert asked[0][1] == "a long\nprompt"


@pytest.mark.usefixtures("running")
def test_a_stream_that_brought_no_token_has_no_time_to_a_first_one(
    adept: Adept, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silence:
        variant, completion_tokens, ttft_ms, latency_ms, finish_reason = "primary", 0, None, 8.0, "stop"

        def __iter__(self) -> Iterator[str]:
            return iter(())

    monkeypatch.setattr(sagemaker_runtime, "stream_chat", lambda *_arguments, **_options: Silence())
    done = adept("invoke", "job-parsing", "hello", "--stream", "--direct")

    assert done.exit_code == 0
    assert "straight from the endpoint" in done.stderr
    assert "TTFT — · 8 ms · stop" in done.stderr


@pytest.mark.usefixtures("asked")
def test_a_stream_goes_through_the_api_and_says_which_candidate_answered(
    adept: Adept, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stream:
        candidate, model_id, attempts, completion_tokens = "alternative", "some/model", "2", 3
        ttft_ms, latency_ms, finish_reason = 5.0, 9.0, "stop"

        def __iter__(self) -> Iterator[str]:
            return iter(("two ", "pieces"))

    asked_for: list[Any] = []

    def stream_chat(*arguments: Any, **options: Any) -> Stream:
        asked_for.append((arguments, options))
        return Stream()

    monkeypatch.setattr(invoke, "stream_chat", stream_chat)
    done = adept("invoke", "job-parsing", "hello", "--stream", "--candidate", "alternative")

    assert (done.exit_code, done.stdout) == (0, "two pieces\n")
    assert "alternative · some/model · 3 tokens · TTFT 5 ms · 9 ms · attempt 2 · stop" in done.stderr
    assert asked_for == [((ACCESS, "job-parsing", "hello"), {"candidate": "alternative", "max_tokens": None})]


@pytest.mark.usefixtures("asked")
def test_direct_goes_with_stream_alone(adept: Adept) -> None:
    done = adept("invoke", "job-parsing", "hello", "--direct")

    assert done.exit_code == 2
    assert "--stream" in done.stderr


@pytest.mark.usefixtures("running")
def test_demo_asks_every_use_case_once_and_prints_what_models_say_as_it_is(
    adept: Adept, asked: Asked
) -> None:
    done = adept("demo")

    assert done.exit_code == 0
    assert [use_case for use_case, _, _ in asked] == [use_case.id for use_case in load_catalogue().use_cases]
    assert done.stdout.count(TEXT) == len(asked)
    assert ACCESS.base_url in done.stdout
    assert str(ACCESS.api_key) not in done.stdout + done.stderr


@pytest.mark.usefixtures("asked")
def test_demo_says_whose_bytes_answered(
    adept: Adept, running: LocalStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = (server("adept/tiny-1", "a/primary"), server("acme/model", "a/alternative", meaningful=True))
    state = dataclasses.replace(running, model_servers=servers)
    monkeypatch.setattr(daemon, "status", lambda _settings: state)

    said = adept("demo").stdout

    assert "adept/tiny-1 stands in for every primary model, a tiny model built here: its text means" in said
    assert "acme/model stands in for every alternative model.\n" in said


@pytest.mark.usefixtures("running", "asked")
def test_demo_as_json_is_a_list_of_answers(adept: Adept) -> None:
    answers = adept("demo", "--json").document

    assert {answer["text"] for answer in answers} == {TEXT}
    assert len(answers) == len(load_catalogue().use_cases)


@pytest.mark.usefixtures("asked")
def test_a_shell_takes_the_exports_of_access_letter_by_letter(adept: Adept) -> None:
    exports = adept("access").stdout
    script = f'{exports}\nprintf "%s\\n%s" "$ADEPT_API_URL" "$ADEPT_API_KEY"'
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.split("\n") == [ACCESS.base_url, ACCESS.api_key]


@pytest.mark.usefixtures("asked")
def test_access_as_json(adept: Adept) -> None:
    assert adept("access", "--json").document == {
        "ADEPT_API_URL": ACCESS.base_url,
        "ADEPT_API_KEY": ACCESS.api_key,
    }


def test_where_requests_are_signed_access_has_no_key_and_says_so(
    adept: Adept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "router_of", lambda _environment: RouterAccess("https://a.example", None))
    done = adept("access")

    assert done.stdout == "export ADEPT_API_URL=https://a.example\n"
    assert "signed" in done.stderr
    assert adept("access", "--json").document["ADEPT_API_KEY"] is None
