"""Carries an update plan out, one step at a time, and leaves scaling as it was when the update fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from endpoints.adapters.aws_errors import aws_errors
from endpoints.adapters.live_scaling import deregister, register
from endpoints.adapters.live_stacks import describe_stack
from endpoints.errors import AdeptError, DeployError
from endpoints.templates import Template
from endpoints.upgrade.plan import ScalingPause, UpdatePlan
from endpoints.verify.scaling import ScalableTarget

Tell = Callable[[str], None]
_SETTLED: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})


class Deployments(Protocol):
    """How stacks are deployed. Both raise `DeployError`, and are done when they return."""

    def deploy(self) -> None:
        """The whole environment, as it was synthesised."""

    def deploy_template(self, stack_name: str, template: Template) -> None:
        """One stack with the given template."""


@dataclass(frozen=True)
class UpdateExecutor:
    """`autoscaling` and `cloudformation` are boto3 clients; `tell` gets a line per step.

    `begun` are the pauses that are not over: who is interrupted finds there whose scaling is away.
    """

    deployments: Deployments
    autoscaling: Any
    cloudformation: Any
    tell: Tell
    begun: list[ScalingPause] = field(default_factory=list)

    def carry_out(self, plan: UpdatePlan, templates: dict[str, Template]) -> None:
        """Pause scaling where SageMaker would refuse, deploy, put back what CloudFormation does not know.

        When a deploy fails, every pause is undone before its `DeployError` goes on. Interrupted for good (a killed
        process), running it again makes what is missing.
        """
        try:
            for pause in plan.pauses:
                self.begun.append(pause)
                self._pause(pause)
            self.tell("deploying as synthesised")
            self.deployments.deploy()
        except AdeptError as error:
            self._undo(templates, error)
            raise
        for pause in plan.pauses:
            self._put_back(pause.after_success)
            self.begun.remove(pause)

    def _pause(self, pause: ScalingPause) -> None:
        for reason in pause.reasons:
            self.tell(reason)
        if pause.without_scaling is not None:
            self.tell(f"deploying {pause.stack_name} as it is, without that scaling")
            self.deployments.deploy_template(pause.stack_name, pause.without_scaling)
        for target_id in pause.deregister:
            self.tell(f"deregistering {target_id}, which was registered by hand")
            with aws_errors(f"deregister {target_id}"):
                deregister(self.autoscaling, target_id)

    def _undo(self, templates: dict[str, Template], cause: AdeptError) -> None:
        for pause in self.begun:
            try:
                self._undo_one(pause, templates)
            except AdeptError as error:
                raise DeployError(
                    f"{cause.message}\nThen autoscaling of {pause.endpoint_name} could not be put back: "
                    f"{error.message}",
                    remedy="It scales no more until this is repaired. Mend the first cause, then deploy again: that "
                    "registers it anew.",
                ) from error

    def _undo_one(self, pause: ScalingPause, templates: dict[str, Template]) -> None:
        with aws_errors(f"look at stack {pause.stack_name}"):
            stack = describe_stack(self.cloudformation, pause.stack_name)
        if stack.status in _SETTLED and stack.template == templates.get(pause.stack_name):
            self._put_back(pause.after_success)  # this one was updated; another stack failed
            return
        if pause.without_scaling is not None and stack.template != pause.deployed:
            self.tell(f"putting the scaling of {pause.endpoint_name} back")
            self.deployments.deploy_template(pause.stack_name, pause.deployed)
        self._put_back(pause.after_failure)

    def _put_back(self, targets: tuple[ScalableTarget, ...]) -> None:
        for target in targets:
            by_hand = ", ".join(target.names) or f"{target.min_capacity}-{target.max_capacity} instances"
            self.tell(f"putting back what was set by hand on {target.resource_id}: {by_hand}")
            with aws_errors(f"put the scaling of {target.resource_id} back"):
                register(self.autoscaling, target)
