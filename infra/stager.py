"""The stager: two Lambda functions and two state machines that bring a pinned snapshot into the bucket.

The worker is the only principal in any template that may read the Hub's token. The resource function answers
CloudFormation and reads manifests, nothing else of the bucket.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from endpoints.catalogue import Environment
from infra.nag import acknowledge, acknowledge_checkov, as_nag_prints
from infra.stager_definition import FILES, PARTS, stager_definition, waiter_definition
from infra.weights_bucket import WeightsBucket
from infra.weights_function import WeightsFunction

# A whole core (1,769 MiB), and room for a large part twice: as it arrives and as it is sent.
_WORKER_MIB = 1769
_WORKER_PARTS = 3
_WORKER_TIMEOUT_S = 900  # Lambda's most
_RESOURCE_MIB = 256
_RESOURCE_TIMEOUT_S = 120

_ACKNOWLEDGED_WORKER = {
    "CKV_AWS_115": "The maps' MaxConcurrency bounds it; a reserved share would fail in an account with few to give.",
    "CKV_AWS_116": "Step Functions invokes it synchronously, and repeats and reports what fails.",
    "CKV_AWS_117": "It reads the Hub and public AWS APIs; a VPC would only add a NAT gateway to the bytes' way.",
    "CKV_AWS_173": "Its variables are a bucket's name, a secret's ARN and addresses: nothing that is secret.",
}
_ACKNOWLEDGED_RESOURCE = {
    **_ACKNOWLEDGED_WORKER,
    "CKV_AWS_115": "CloudFormation asks it a few times per deployment.",
    "CKV_AWS_116": "CloudFormation waits for its answer and fails the deployment without one.",
}
_ACKNOWLEDGED_MACHINE = {
    "CKV_AWS_284": "An execution's history has every step with its times; a trace would add nothing.",
    "CKV_AWS_285": "Histories are kept for 90 days, and the functions log; a copy of both would only cost.",
}


class Stager(Construct):
    """`arn` is the state machine that stages one snapshot an execution; `service_token` the custom resource's.

    Executions are named after their snapshot, so the machines' names are fixed: `adept-<environment>-stager`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        weights: WeightsBucket,
        token: secretsmanager.ISecret,
    ) -> None:
        super().__init__(scope, construct_id)
        self._environment = environment
        self._weights = weights
        self._name = f"adept-{environment.name}-stager"
        self._waiter_name = f"{self._name}-waiter"
        worker = self._worker(token)
        resource = self._resource_function()
        self.service_token = resource.function.function_arn
        self.arn = self._stager_machine(worker.function).attr_arn
        waiter = self._waiter_machine(resource.function)
        self._answer_for_a_failed_waiter(waiter, resource.function)

    def _worker(self, token: secretsmanager.ISecret) -> WeightsFunction:
        settings = self._environment.staging
        # The embedded AWS passes its own HF_ENDPOINT on: the Hub that it serves.
        hub = {} if self._environment.embedded else {"HF_ENDPOINT": self._environment.hub_url}
        worker = WeightsFunction(
            self,
            "Worker",
            module="worker",
            settings=self._environment.router,
            memory_mib=max(_WORKER_MIB, settings.part_mib * _WORKER_PARTS + 256),
            timeout_s=_WORKER_TIMEOUT_S,
            variables={
                "WEIGHTS_BUCKET": self._weights.bucket.bucket_name,
                "TOKEN_SECRET_ARN": token.secret_arn,
                "PART_MIB": str(settings.part_mib),
                "ADEPT_ENVIRONMENT": self._environment.name,
                **hub,
            },
            checkov=_ACKNOWLEDGED_WORKER,
        )
        self._weights.grant_stage(worker.role)
        for statement in (
            iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[token.secret_arn]),
            self._key_use(["kms:Decrypt"], "secretsmanager"),
        ):
            worker.role.add_to_policy(statement)
        return worker

    def _resource_function(self) -> WeightsFunction:
        resource = WeightsFunction(
            self,
            "CustomResource",
            module="resource",
            settings=self._environment.router,
            memory_mib=_RESOURCE_MIB,
            timeout_s=_RESOURCE_TIMEOUT_S,
            variables={
                "WEIGHTS_BUCKET": self._weights.bucket.bucket_name,
                "STAGER_ARN": self._machine_arn(self._name),
                "WAITER_ARN": self._machine_arn(self._waiter_name),
            },
            checkov=_ACKNOWLEDGED_RESOURCE,
        )
        self._weights.grant_read_manifests(resource.role)
        executions = [self._executions_arn(self._name)]
        for statement in (
            iam.PolicyStatement(
                actions=["states:StartExecution"],
                resources=[self._machine_arn(self._name), self._machine_arn(self._waiter_name)],
            ),
            iam.PolicyStatement(actions=["states:DescribeExecution"], resources=executions),
        ):
            resource.role.add_to_policy(statement)
        self._acknowledge(
            resource.role, executions, "Executions of the one stager, named by their snapshots."
        )
        return resource

    def _stager_machine(self, worker: lambda_.Function) -> sfn.CfnStateMachine:
        definition = stager_definition(
            worker_arn="${Worker}",
            bucket_name="${Bucket}",
            concurrency=self._environment.staging.concurrency,
        )
        substitutions = {"Worker": worker.function_arn, "Bucket": self._weights.bucket.bucket_name}
        role = self._machine_role("StagerRole", worker)
        children = [
            self._executions_arn(self._name),
            *(self._executions_arn(f"{self._name}/{label}") for label in (PARTS, FILES)),
        ]
        for statement in (
            # A distributed map runs each item as an execution of the machine itself.
            iam.PolicyStatement(actions=["states:StartExecution"], resources=[self._machine_arn(self._name)]),
            iam.PolicyStatement(
                actions=["states:DescribeExecution", "states:StopExecution"], resources=children
            ),
            self._key_use(["kms:Decrypt"], "s3"),
        ):
            role.add_to_policy(statement)
        self._weights.grant_read_staging_lists(role)
        self._acknowledge(role, children, "The children of this machine's own maps.")
        return self._machine("Stager", self._name, definition, substitutions, role)

    def _waiter_machine(self, resource: lambda_.Function) -> sfn.CfnStateMachine:
        definition = waiter_definition(resource_arn="${Resource}")
        role = self._machine_role("WaiterRole", resource)
        substitutions = {"Resource": resource.function_arn}
        return self._machine("Waiter", self._waiter_name, definition, substitutions, role)

    def _machine_role(self, construct_id: str, function: lambda_.Function) -> iam.Role:
        role = iam.Role(self, construct_id, assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        role.add_to_policy(
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[function.function_arn])
        )
        return role

    def _machine(
        self,
        construct_id: str,
        name: str,
        definition: Mapping[str, Any],
        substitutions: Mapping[str, str],
        role: iam.Role,
    ) -> sfn.CfnStateMachine:
        machine = sfn.CfnStateMachine(
            self,
            construct_id,
            state_machine_name=name,
            # As text of ours: the CDK's own JSON leaves null away, which in a path means "keep nothing of it".
            definition_string=json.dumps(definition, indent=1),
            definition_substitutions=dict(substitutions),
            role_arn=role.role_arn,
        )
        # Without its permissions the machine is created and its first execution fails.
        machine.node.add_dependency(role)
        acknowledge(
            machine,
            {
                "AwsSolutions-SF1": "Histories are kept for 90 days, and the functions log every step.",
                "AwsSolutions-SF2": "An execution's history has every step with its times.",
            },
        )
        acknowledge_checkov(machine, _ACKNOWLEDGED_MACHINE)
        return machine

    def _answer_for_a_failed_waiter(self, waiter: sfn.CfnStateMachine, resource: lambda_.Function) -> None:
        """A waiter that was stopped or ran out of time answers nobody; a deployment would hang for an hour."""
        rule = events.Rule(
            self,
            "WaiterFailed",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "stateMachineArn": [waiter.attr_arn],
                    "status": ["FAILED", "TIMED_OUT", "ABORTED"],
                },
            ),
        )
        rule.add_target(
            targets.LambdaFunction(resource, retry_attempts=3, max_event_age=Duration.minutes(10))
        )

    def _machine_arn(self, name: str) -> str:
        """Known before the machine is: the functions and roles that name it are created first."""
        return self._states_arn("stateMachine", name)

    def _executions_arn(self, name: str) -> str:
        return self._states_arn("execution", f"{name}:*")

    def _states_arn(self, resource: str, name: str) -> str:
        return Stack.of(self).format_arn(
            service="states",
            resource=resource,
            resource_name=name,
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )

    def _key_use(self, actions: list[str], service: str) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            actions=actions,
            resources=[self._weights.key.key_arn],
            conditions={
                "StringEquals": {"kms:ViaService": f"{service}.{Stack.of(self).region}.amazonaws.com"}
            },
        )

    def _acknowledge(self, role: iam.Role, arns: list[str], reason: str) -> None:
        stack = Stack.of(self)
        acknowledge(
            role, {f"AwsSolutions-IAM5[Resource::{as_nag_prints(stack, arn)}]": reason for arn in arns}
        )
