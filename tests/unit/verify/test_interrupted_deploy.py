"""Ctrl-C in any phase of `adept deploy`: 130, what state things are in, and what to run next."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from endpoints import cli
from endpoints.adapters import update_executor
from endpoints.commands import deploy
from endpoints.upgrade.plan import ScalingPause, UpdatePlan
from endpoints.verify.scaling import ScalableTarget

PAUSE = ScalingPause(
    stack_name="adept-staging-job-parsing",
    endpoint_name="adept-staging-job-parsing",
    reasons=("its instance type changes",),
    without_scaling={"Resources": {}},
    deployed={"Resources": {}},
    deregister=(),
    after_success=(),
    after_failure=(),
)


def _interrupted(*_: object, **__: object) -> Any:
    raise KeyboardInterrupt


def _nothing(*_: object, **__: object) -> None:
    """Does its part."""


@pytest.fixture(autouse=True)
def _own_signals() -> Iterator[None]:
    """The command line sets its own: a test's process gets back what it had."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What `adept deploy` says when Ctrl-C comes in a phase; it has to end with 130."""
    deployments = SimpleNamespace(deploy=_nothing, deploy_template=_nothing)
    reader = SimpleNamespace(read=lambda _: SimpleNamespace(stacks={}), client=lambda _: None)
    phases: dict[str, Any] = {
        "reader_of": lambda _: reader,
        "synthesised": lambda *_: {},
        "_preflight": _nothing,
        "_chosen_intents": lambda *_: [],
        "plan_update": lambda *_: UpdatePlan(pauses=(PAUSE,)),
        "_show": _nothing,
        "cdk_env": lambda _: {},
        "CdkDeployments": lambda *_: deployments,
        "verified": lambda *_, **__: [],
    }
    for name, does in phases.items():
        monkeypatch.setattr(deploy, name, does)

    def run(phase: str, *options: str, does: Callable[..., Any] = _interrupted) -> str:
        monkeypatch.setattr(deployments if hasattr(deployments, phase) else deploy, phase, does)
        monkeypatch.setattr("sys.argv", ["adept", "deploy", "--env", "staging", "--yes", *options])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 130
        return " ".join(capfd.readouterr().err.split())

    return run


@pytest.mark.parametrize("phase", ["_chosen_stacks", "reader_of", "synthesised", "_preflight", "_show"])
def test_before_anything_is_changed_that_is_said(interrupted: Callable[..., str], phase: str) -> None:
    said = interrupted(phase)

    assert "interrupted: nothing was changed" in said
    assert "adept deploy --env staging" in said


def test_at_the_question_nothing_was_changed_either(interrupted: Callable[..., str]) -> None:
    def aborted(*_: object, **__: object) -> None:
        raise typer.Abort  # what a prompt makes of Ctrl-C

    assert "interrupted: nothing was changed" in interrupted("_confirm", does=aborted)


@pytest.mark.parametrize("phase", ["deploy", "deploy_template"])
def test_while_stacks_change_it_says_what_goes_on_and_whose_scaling_is_away(
    interrupted: Callable[..., str], phase: str
) -> None:
    said = interrupted(phase)

    assert "interrupted: CloudFormation goes on with what it began" in said
    assert "Until the next deploy adept-staging-job-parsing may be without autoscaling" in said
    assert "adept verify --env staging" in said
    assert "adept deploy --env staging" in said


@pytest.mark.parametrize(
    ("phase", "options"),
    [
        ("_show", ("--use-case", "job-parsing")),
        ("deploy", ("--use-case", "job-parsing", "--skip-preflight", "it was checked")),
        ("_preflight", ("--plan",)),
    ],
)
def test_what_to_run_again_is_what_was_run(
    interrupted: Callable[..., str], phase: str, options: tuple[str, ...]
) -> None:
    assert f"adept deploy --env staging --yes {shlex.join(options)}" in interrupted(phase, *options)


def test_a_cancelled_ci_job_sends_sigterm_and_is_told_the_same(interrupted: Callable[..., str]) -> None:
    def cancelled() -> None:
        signal.raise_signal(signal.SIGTERM)

    assert "interrupted: CloudFormation goes on with what it began" in interrupted("deploy", does=cancelled)


def test_scaling_that_was_put_back_is_not_called_away(
    interrupted: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = ScalableTarget(
        resource_id="endpoint/adept-staging-other/variant/primary", min_capacity=1, max_capacity=2
    )
    pauses = (PAUSE, replace(PAUSE, endpoint_name="adept-staging-other", after_success=(target,)))
    monkeypatch.setattr(deploy, "plan_update", lambda *_: UpdatePlan(pauses=pauses))
    monkeypatch.setattr(update_executor, "register", _interrupted)

    said = interrupted("deploy", does=_nothing)

    assert "Until the next deploy adept-staging-other may be without autoscaling" in said


def test_when_all_is_deployed_that_is_said_and_how_to_look(interrupted: Callable[..., str]) -> None:
    said = interrupted("verified")

    assert "interrupted: everything is deployed" in said
    assert "adept verify --env staging" in said
