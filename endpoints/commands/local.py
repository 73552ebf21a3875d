"""`adept local`: the embedded AWS on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from endpoints.adapters.model_backend import require_model
from endpoints.commands.output import JsonOption, print_json, print_table, progress, say
from endpoints.errors import DeployInterrupted, LocalError
from endpoints.local import daemon, deployment
from endpoints.local.local_status import LocalStatus, ModelServerStatus
from endpoints.local.model_server.engines.openai_engine import API_KEY_VARIABLE
from endpoints.local.settings import LocalSettings

app = typer.Typer(help="The embedded AWS on this machine: start, look, stop.", no_args_is_help=True)

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Where its files lie. Default: $ADEPT_LOCAL_HOME or .adept/local."),
]


@app.command()
def up(
    home: HomeOption = None,
    port: Annotated[
        int | None, typer.Option("--port", help="Loopback port. Default: $ADEPT_LOCAL_PORT or 4577.")
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option("--backend", help="OpenAI-compatible URL that answers instead of a model of our own."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="Hub repository or directory; with --backend, the name it has there."),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Restart it when it runs with other options.")
    ] = False,
) -> None:
    """Start the embedded AWS in the background; nothing happens when it is up already."""
    settings = LocalSettings.from_environment(home=home, port=port, backend_url=backend, model=model)
    if settings.backend_url and settings.model:
        require_model(
            settings.backend_url.rstrip("/"), settings.model, api_key=os.environ.get(API_KEY_VARIABLE)
        )
    result = daemon.up(settings, progress, restart=restart)
    for difference in result.differences:
        progress(f"it was up already: {difference} (--restart changes that)")
    running = result.status.settings
    say(f"The embedded AWS is up at {running.endpoint_url}")
    for line in _waiting(result.status):
        progress(line)


@app.command()
def deploy(home: HomeOption = None) -> None:
    """Deploy the CDK app to it with the CDK CLI; a line per stack, everything else in a log."""
    settings = LocalSettings.from_environment(home=home)
    _require_running(settings)
    progress("deploying with the CDK CLI: cdk deploy --all -c environment=local")
    try:
        log = deployment.deploy(settings, progress)
    except KeyboardInterrupt:
        raise DeployInterrupted(
            "interrupted: the embedded CloudFormation goes on with what it began",
            remedy="Deploy again, and what is missing is made: adept local deploy",
        ) from None
    say(f"Deployed. All of the CDK CLI's output: {log}")


@app.command()
def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """What runs: the server, its models, its endpoints. Exit code 1 when it is not healthy."""
    state = daemon.status(LocalSettings.from_environment(home=home))
    if as_json:
        print_json(_as_json(state))
    elif not state.running:
        say("The embedded AWS is not running. Start it: adept local up")
    else:
        _print(state)
    if not state.healthy:
        raise typer.Exit(1)


@app.command()
def logs(
    home: HomeOption = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="Lines of each log.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is added.")] = False,
) -> None:
    """The logs of the server and of the model servers."""
    for line in daemon.logs(LocalSettings.from_environment(home=home), lines=lines, following=follow):
        typer.echo(f"{line.source:12} {line.text}")


@app.command()
def down(home: HomeOption = None) -> None:
    """Stop it: no process and no port stays. What was deployed is there again after the next `up`."""
    ended = daemon.down(LocalSettings.from_environment(home=home), progress)
    say("The embedded AWS is down." if ended else "The embedded AWS was not running.")


@app.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def execute(
    command: Annotated[list[str], typer.Argument(help="A command: aws s3 ls, cdk deploy --all, ...")],
    home: HomeOption = None,
) -> None:
    """Run a command whose AWS is the embedded one, and no other, whatever profile is set here.

    Exits as the command did; with 128 + N, as shells do, when signal N ended it.
    """
    settings = LocalSettings.from_environment(home=home)
    _require_running(settings)
    if shutil.which(command[0]) is None:
        raise LocalError(f"no command {command[0]!r}", remedy="Is it installed and on PATH?")
    done = subprocess.run(command, env=daemon.client_environment(settings), check=False)
    raise typer.Exit(done.returncode if done.returncode >= 0 else 128 - done.returncode)


def _require_running(settings: LocalSettings) -> None:
    if not daemon.status(settings).running:
        raise LocalError("the embedded AWS is not running", remedy="Start it: adept local up")


def _as_json(state: LocalStatus) -> dict[str, Any]:
    return {
        "running": state.running,
        "healthy": state.healthy,
        "endpoint_url": state.settings.endpoint_url,
        "home": str(state.settings.home),
        "pid": state.pid,
        "uptime_s": round(state.uptime_s, 1),
        "processes": state.processes,
        "models": {variant: source.name for variant, source in state.models.answering.items()},
        "endpoints": [asdict(endpoint) for endpoint in state.endpoints],
        "model_servers": [asdict(server) for server in state.model_servers],
    }


def _waiting(state: LocalStatus) -> list[str]:
    """Stand-ins that no endpoint serves yet, while endpoints serve others."""
    return [
        f"{source.name} will stand in for every {role} model once it is deployed: adept deploy --env local"
        for role, source in state.not_deployed.items()
    ]


def _named(server: ModelServerStatus) -> str:
    return f"{server.model}@{server.revision[:8]}" if server.revision else server.model


def _print(state: LocalStatus) -> None:
    health = "is healthy" if state.healthy else "DOES NOT ANSWER"
    say(
        f"{state.settings.endpoint_url} {health}; process {state.pid}, up for {state.uptime_s:.0f} s, "
        f"{state.processes} processes, files in {state.settings.home}"
    )
    for variant, servers in state.serving.items():
        say(f"{variant} variants are served by {', '.join(map(_named, servers))}")
    for role, source in (state.not_deployed if state.serving else state.models.answering).items():
        say(
            f"{source.name} will stand in for every {role} model once it is deployed: adept deploy --env local"
        )
    print_table(
        "Endpoints",
        ("endpoint", "status", ">containers healthy", "why it failed"),
        [(e.name, e.status, f"{e.healthy}/{e.desired}", e.failure_reason) for e in state.endpoints],
    )
