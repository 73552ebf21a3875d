"""`adept invoke`: ask a use case."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated

import typer

from endpoints.adapters import sagemaker_runtime
from endpoints.adapters.router_client import chat, stream_chat
from endpoints.catalogue import CandidateRole, load_catalogue
from endpoints.commands.access import LOCAL, aws_of, router_of
from endpoints.commands.output import EnvironmentOption, JsonOption, footnote, print_json
from endpoints.naming import endpoint_name


def invoke(
    use_case: Annotated[str, typer.Argument(help="For example query-enhancement; see: adept use-cases")],
    prompt: Annotated[str, typer.Argument(help='What to ask; "-" reads it from standard input.')],
    candidate: Annotated[
        CandidateRole | None, typer.Option("--candidate", help="Ask this candidate alone.")
    ] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Print the answer's text as it comes.")] = False,
    direct: Annotated[
        bool,
        typer.Option(
            "--direct", help="With --stream: straight from the endpoint, past the API and its router."
        ),
    ] = False,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", min=1)] = None,
    environment: EnvironmentOption = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Ask a use case through its API, and print the answer and where it came from."""
    if stream and as_json:
        raise typer.BadParameter("--stream and --json exclude each other")
    if direct and not stream:
        raise typer.BadParameter("--direct goes with --stream: what is asked whole goes through the API")
    load_catalogue().use_case(use_case)
    text = sys.stdin.read() if prompt == "-" else prompt
    if not text.strip():
        raise typer.BadParameter("the prompt is empty: there is nothing to ask")
    if direct:
        _stream_directly(environment, use_case, text, candidate, max_tokens)
    elif stream:
        _stream(environment, use_case, text, candidate, max_tokens)
    else:
        _ask(environment, use_case, text, candidate, max_tokens, as_json)


def _ask(
    environment: str,
    use_case: str,
    prompt: str,
    candidate: CandidateRole | None,
    max_tokens: int | None,
    as_json: bool,
) -> None:
    answer = chat(router_of(environment), use_case, prompt, candidate=candidate, max_tokens=max_tokens)
    if as_json:
        print_json(asdict(answer))
        return
    typer.echo(answer.text)
    footnote(
        f"{answer.candidate} · {answer.model_id} · {answer.completion_tokens} tokens · "
        f"{answer.latency_ms:.0f} ms · attempt {answer.attempts} · {answer.finish_reason}"
    )


def _stream(
    environment: str, use_case: str, prompt: str, candidate: CandidateRole | None, max_tokens: int | None
) -> None:
    pieces = stream_chat(router_of(environment), use_case, prompt, candidate=candidate, max_tokens=max_tokens)
    _print(pieces)
    footnote(
        f"{pieces.candidate} · {pieces.model_id} · {pieces.completion_tokens} tokens · "
        f"TTFT {_ms(pieces.ttft_ms)} · {_ms(pieces.latency_ms)} · attempt {pieces.attempts} · {pieces.finish_reason}"
    )


def _stream_directly(
    environment: str, use_case: str, prompt: str, candidate: CandidateRole | None, max_tokens: int | None
) -> None:
    aws = aws_of(environment)
    pieces = sagemaker_runtime.stream_chat(
        endpoint_name(environment, use_case),
        prompt,
        variant=candidate or CandidateRole.PRIMARY,
        max_tokens=max_tokens,
        region=aws.region,
        endpoint_url=aws.endpoint_url,
        session=aws.session,
    )
    _print(pieces)
    footnote(
        f"{pieces.variant} · straight from the endpoint · {pieces.completion_tokens} tokens · "
        f"TTFT {_ms(pieces.ttft_ms)} · {_ms(pieces.latency_ms)} · {pieces.finish_reason}"
    )


def _print(pieces: Iterable[str]) -> None:
    for piece in pieces:
        typer.echo(piece, nl=False)
        sys.stdout.flush()
    typer.echo()


def _ms(duration_ms: float | None) -> str:
    return "—" if duration_ms is None else f"{duration_ms:.0f} ms"
