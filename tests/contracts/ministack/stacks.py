"""CloudFormation through boto3, as short verbs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import WaiterError

from tests.contracts.ministack.running import Running

CAPABILITIES = ["CAPABILITY_IAM"]
WAITER: Any = {"Delay": 0.1, "MaxAttempts": 600}  # the stubs want whole seconds


@dataclass(frozen=True)
class Stack:
    """One stack. Every verb waits for the end and answers with the status it ended in."""

    aws: Running
    name: str

    def create(self, body: str) -> str:
        cloudformation = self.aws.client("cloudformation")
        cloudformation.create_stack(StackName=self.name, TemplateBody=body, Capabilities=CAPABILITIES)
        return self._wait("stack_create_complete")

    def update(self, body: str) -> str:
        cloudformation = self.aws.client("cloudformation")
        cloudformation.update_stack(StackName=self.name, TemplateBody=body, Capabilities=CAPABILITIES)
        return self._wait("stack_update_complete")

    def delete(self) -> None:
        cloudformation = self.aws.client("cloudformation")
        cloudformation.delete_stack(StackName=self.name)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=self.name, WaiterConfig=WAITER)

    def outputs(self) -> dict[str, str]:
        return {row["OutputKey"]: row["OutputValue"] for row in self._describe().get("Outputs", [])}

    def reasons(self, logical_id: str) -> list[str]:
        """The status reasons of one resource's failures, newest first."""
        events = self.aws.client("cloudformation").describe_stack_events(StackName=self.name)["StackEvents"]
        return [
            event.get("ResourceStatusReason", "")
            for event in events
            if event["LogicalResourceId"] == logical_id and event["ResourceStatus"].endswith("_FAILED")
        ]

    def _wait(self, waiter: str) -> str:
        try:
            self.aws.client("cloudformation").get_waiter(waiter).wait(
                StackName=self.name, WaiterConfig=WAITER
            )
        except WaiterError as error:
            last: Any = error.last_response
            return str(last["Stacks"][0]["StackStatus"])
        return str(self._describe()["StackStatus"])

    def _describe(self) -> dict[str, Any]:
        stack: dict[str, Any] = self.aws.client("cloudformation").describe_stacks(StackName=self.name)[
            "Stacks"
        ][0]
        return stack
