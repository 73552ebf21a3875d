"""`adept demo`: one real answer per use case, from the deployed local environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from endpoints.adapters.router_client import Answer, chat
from endpoints.adapters.stack_outputs import RouterAccess
from endpoints.catalogue import UseCase, load_catalogue
from endpoints.commands.access import LOCAL, router_of
from endpoints.commands.output import JsonOption, console, print_json, print_table, progress, say
from endpoints.local import daemon
from endpoints.local.settings import LocalSettings

TABLE_WIDTH = 140  # columns below which the table would break inside words
MAX_TOKENS = 24  # enough to see an answer, few enough for a laptop's processor


def demo(as_json: JsonOption = False) -> None:
    """Ask every use case of the local environment one question."""
    access = router_of(LOCAL)
    answers = [_ask(access, use_case) for use_case in load_catalogue().use_cases]
    if as_json:
        print_json([asdict(answer) for answer in answers])
        return
    if console.width < TABLE_WIDTH:
        _print_list(answers)
    else:
        _print_table(answers)
    _print_what_answered(access)


def _print_list(answers: Sequence[Answer]) -> None:
    for answer in answers:
        say(
            f"{answer.use_case}: {answer.candidate}, {answer.model_id}, {answer.prompt_tokens} tokens in, "
            f"{answer.completion_tokens} out, {answer.latency_ms:.0f} ms"
        )
        say(f"  {_shortened(answer.text)}")


def _print_table(answers: Sequence[Answer]) -> None:
    print_table(
        "One request per use case: API Gateway → Lambda router → SageMaker endpoint → model",
        ("use case", "candidate", "model", ">tokens in", ">out", ">latency ms", "answer"),
        [_row(answer) for answer in answers],
    )


def _ask(access: RouterAccess, use_case: UseCase) -> Answer:
    progress(f"asking {use_case.id}")
    return chat(access, use_case.id, use_case.example_prompt, max_tokens=MAX_TOKENS)


def _row(answer: Answer) -> tuple[object, ...]:
    return (
        answer.use_case,
        answer.candidate,
        answer.model_id,
        answer.prompt_tokens,
        answer.completion_tokens,
        f"{answer.latency_ms:.0f}",
        _shortened(answer.text),
    )


def _shortened(text: str, limit: int = 60) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _print_what_answered(access: RouterAccess) -> None:
    for variant, servers in daemon.status(LocalSettings.from_environment()).serving.items():
        names = " and ".join(server.model for server in servers)
        tiny = ", a tiny model built here: its text means nothing"
        meaning = "" if all(server.meaningful for server in servers) else tiny
        say(f"On this machine {names} stands in for every {variant} model{meaning}.")
    say(f"\nThe API is at {access.base_url}")
    say('Ask it yourself:  adept invoke query-enhancement "senior python developer, remote"')
    say("Stop everything:  make down")
