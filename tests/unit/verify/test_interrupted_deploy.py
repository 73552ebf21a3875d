"""Ctrl-C in any phase of `adept deploy`: 130, what state things are in, and what to run next."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from endpoints import cli
from endpoints.commands import deploy
from endpoints.upgrade.plan import ScalingPause, UpdatePlan

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

    def run(phase: str, does: Callable[..., Any] = _interrupted) -> str:
        monkeypatch.setattr(deployments if hasattr(deployments, phase) else deploy, phase, does)
        monkeypatch.setattr("sys.argv", ["adept", "deploy", "--env", "staging", "--yes"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 130
        return " ".join(capfd.readouterr().err.split())

    return run


@pytest.mark.parametrize("phase", ["reader_of", "synthesised", "_preflight", "_show"])
def test_before_anything_is_changed_that_is_said(interrupted: Callable[..., str], phase: str) -> None:
    said = interrupted(phase)

    assert "interrupted: nothing was changed" in said
    assert "adept deploy --env staging" in said


def test_at_the_question_nothing_was_changed_either(interrupted: Callable[..., str]) -> None:
    def aborted(*_: object, **__: object) -> None:
        raise typer.Abort  # what a prompt makes of Ctrl-C

    assert "interrupted: nothing was changed" in interrupted("_confirm", aborted)


@pytest.mark.parametrize("phase", ["deploy", "deploy_template"])
def test_while_stacks_change_it_says_what_goes_on_and_whose_scaling_is_away(
    interrupted: Callable[..., str], phase: str
) -> None:
    said = interrupted(phase)

    assert "interrupted: CloudFormation goes on with what it began" in said
    assert "Until the next deploy adept-staging-job-parsing may be without autoscaling" in said
    assert "adept verify --env staging" in said
    assert "adept deploy --env staging" in said


def test_when_all_is_deployed_that_is_said_and_how_to_look(interrupted: Callable[..., str]) -> None:
    said = interrupted("verified")

    assert "interrupted: everything is deployed" in said
    assert "adept verify --env staging" in said
