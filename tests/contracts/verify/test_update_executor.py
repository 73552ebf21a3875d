"""The executor and the reader over the embedded CloudFormation, SageMaker and Application Auto Scaling."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from endpoints.adapters.live_endpoints import AccountReader
from endpoints.adapters.update_executor import UpdateExecutor
from endpoints.errors import DeployError
from endpoints.local.settings import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from endpoints.templates import Template
from endpoints.upgrade.plan import UpdatePlan, plan_update
from endpoints.verify.compare import verify
from endpoints.verify.intent import endpoint_intents
from tests.contracts.ministack.running import Running, embedded_aws
from tests.contracts.ministack.stacks import Stack
from tests.contracts.ministack.templates import template

DIMENSION = "sagemaker:variant:DesiredInstanceCount"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home: Path = tmp_path_factory.mktemp("aws")
    with embedded_aws(home) as running:
        yield running


@dataclass
class Deployed:
    """One stack with one scaled endpoint, deployed through CloudFormation as the CDK CLI would."""

    stack: Stack

    @property
    def endpoint(self) -> str:
        return f"{self.stack.name}-e"

    @property
    def resource_id(self) -> str:
        return f"endpoint/{self.endpoint}/variant/primary"

    @property
    def reader(self) -> AccountReader:
        session = boto3.Session(ACCESS_KEY_ID, SECRET_ACCESS_KEY)
        settings = self.stack.aws.settings
        return AccountReader(session, settings.region, settings.endpoint_url)

    def release(self, *, instance_type: str | None = None, **changes: Any) -> Template:
        body: dict[str, Any] = json.loads(template(endpoint_name=self.endpoint, **changes))
        if instance_type is not None:
            body["Resources"]["Config"]["Properties"]["ProductionVariants"][0]["InstanceType"] = instance_type
        return body

    def plan(self, release: Template) -> UpdatePlan:
        account = self.reader.read({self.stack.name: release})
        return plan_update(endpoint_intents({self.stack.name: release}, account.stacks), account)

    def carry_out(self, plan: UpdatePlan, release: Template) -> list[str]:
        """The steps that were told."""
        told: list[str] = []
        reader = self.reader
        executor = UpdateExecutor(
            _Boto3Deployments(self.stack, release),
            reader.client("application-autoscaling"),
            reader.client("cloudformation"),
            told.append,
        )
        executor.carry_out(plan, {self.stack.name: release})
        return told

    def checks(self, release: Template) -> set[str]:
        """Names of the checks that found something."""
        account = self.reader.read({self.stack.name: release})
        intents = endpoint_intents({self.stack.name: release}, account.stacks)
        return {finding.check for finding in verify("test", {self.stack.name: release}, intents, account)}

    def instance_type(self) -> str:
        live = self.reader.read({self.stack.name: self.release()}).endpoints[self.endpoint]
        return live.variants[0].instance_types[0]


@dataclass(frozen=True)
class _Boto3Deployments:
    stack: Stack
    release: Template

    def deploy(self) -> None:
        self.deploy_template(self.stack.name, self.release)

    def deploy_template(self, stack_name: str, template: Template) -> None:
        assert stack_name == self.stack.name
        status = self.stack.update(json.dumps(template))
        if status != "UPDATE_COMPLETE":
            raise DeployError(f"{stack_name} is {status}: {self.stack.reasons('Endpoint')[:1]}")


@pytest.fixture
def deployed(aws: Running, request: pytest.FixtureRequest) -> Iterator[Deployed]:
    name = request.node.name.removeprefix("test_").replace("_", "-")[:40].rstrip("-")
    deployed = Deployed(Stack(aws, name))
    assert deployed.stack.create(json.dumps(deployed.release())) == "CREATE_COMPLETE"
    yield deployed
    aws.client("cloudformation").delete_stack(StackName=name)


def test_what_was_deployed_is_what_was_meant(deployed: Deployed) -> None:
    assert deployed.checks(deployed.release()) == set()


def test_a_new_instance_type_is_refused_plainly_and_accepted_in_two_phases(deployed: Deployed) -> None:
    release = deployed.release(instance_type="ml.g5.2xlarge")

    # given: the refusal is real
    assert deployed.stack.update(json.dumps(release)) == "UPDATE_ROLLBACK_COMPLETE"
    assert any("scalable target" in reason for reason in deployed.stack.reasons("Endpoint"))

    # when
    told = deployed.carry_out(deployed.plan(release), release)

    # then
    assert "moves from" in told[0]
    assert deployed.instance_type() == "ml.g5.2xlarge"
    assert deployed.checks(release) == set()


def test_when_the_update_fails_scaling_is_put_back_with_what_was_added_by_hand(deployed: Deployed) -> None:
    autoscaling = deployed.reader.client("application-autoscaling")
    about = {"ServiceNamespace": "sagemaker", "ResourceId": deployed.resource_id}
    autoscaling.put_scheduled_action(
        **about,
        ScalableDimension=DIMENSION,
        ScheduledActionName="black-friday",
        Schedule="cron(0 0 27 11 ? 2026)",
        ScalableTargetAction={"MinCapacity": 2},
    )
    bad = deployed.release(instance_type="ml.g5.2xlarge", environment={"FAIL": "no such weights"})
    was = deployed.instance_type()

    # when
    with pytest.raises(DeployError, match="no such weights"):
        deployed.carry_out(deployed.plan(bad), bad)

    # then: the old fleet serves, registered as before
    assert deployed.instance_type() == was
    assert deployed.checks(deployed.release()) == {"scaling-by-hand"}
    (action,) = autoscaling.describe_scheduled_actions(**about)["ScheduledActions"]
    assert (action["ScheduledActionName"], action["Schedule"]) == ("black-friday", "cron(0 0 27 11 ? 2026)")


def test_after_a_crash_between_the_phases_verify_tells_and_the_next_deploy_finishes(
    deployed: Deployed,
) -> None:
    release = deployed.release(instance_type="ml.g5.2xlarge")
    (pause,) = deployed.plan(release).pauses
    assert pause.without_scaling is not None
    assert deployed.stack.update(json.dumps(pause.without_scaling)) == "UPDATE_COMPLETE"
    assert "scaling-missing" in deployed.checks(deployed.release())

    plan = deployed.plan(release)
    deployed.carry_out(plan, release)

    assert plan.pauses == ()
    assert deployed.checks(release) == set()


def test_scaling_that_was_deregistered_by_hand_is_told_and_made_anew(deployed: Deployed) -> None:
    release = deployed.release()
    deployed.reader.client("application-autoscaling").deregister_scalable_target(
        ServiceNamespace="sagemaker", ResourceId=deployed.resource_id, ScalableDimension=DIMENSION
    )
    assert deployed.checks(release) == {"scaling-missing"}

    deployed.carry_out(deployed.plan(release), release)

    assert deployed.checks(release) == set()


def test_a_failed_release_is_told_with_its_reason(deployed: Deployed) -> None:
    bad = deployed.release(environment={"FAIL": "no such weights"})
    assert deployed.stack.update(json.dumps(bad)) == "UPDATE_ROLLBACK_COMPLETE"

    account = deployed.reader.read({deployed.stack.name: bad})

    assert "no such weights" in (account.stacks[deployed.stack.name].reason or "")
    assert "stack-rolled-back" in deployed.checks(bad)


def test_what_is_not_deployed_at_all_is_told_once(aws: Running) -> None:
    assert Deployed(Stack(aws, "never")).checks(json.loads(template(endpoint_name="never-e"))) == {
        "stack-missing"
    }
