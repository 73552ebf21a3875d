"""One CloudFormation stack: status, what made it fail, physical ids, exports, deployed template."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from endpoints.adapters.aws_errors import error_code
from endpoints.verify.live import LiveStack

_REMOVED: Final = (
    "DELETE_COMPLETE",
    "REVIEW_IN_PROGRESS",
)  # gone, or a change set that was never carried out
_SECONDARY: Final = "cancelled"  # "Resource update cancelled": what fails because something else did
_EVENT_PAGES: Final = 3


def describe_stack(cloudformation: Any, name: str) -> LiveStack:
    """The stack called `name`; its status is None when there is none. Raises botocore's errors."""
    try:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if error_code(error) == "ValidationError":  # CloudFormation's code for a stack that is not there
            return LiveStack(name=name, status=None)
        raise
    status = stack["StackStatus"]
    if status in _REMOVED:
        return LiveStack(name=name, status=None)
    outputs = stack.get("Outputs", ())
    return LiveStack(
        name=name,
        status=status,
        reason=_failure(cloudformation, name) if "ROLLBACK" in status or "FAILED" in status else None,
        pseudo=_pseudo(stack),
        physical_ids=_physical_ids(cloudformation, name),
        parameters={row["ParameterKey"]: row.get("ParameterValue") for row in stack.get("Parameters", ())},
        exports={row["ExportName"]: row["OutputValue"] for row in outputs if "ExportName" in row},
        template=_template(cloudformation.get_template(StackName=name)["TemplateBody"]),
    )


def _pseudo(stack: Mapping[str, Any]) -> dict[str, str]:
    _, partition, _, region, account, _ = stack["StackId"].split(":", 5)
    return {
        "AWS::StackName": stack["StackName"],
        "AWS::StackId": stack["StackId"],
        "AWS::Partition": partition,
        "AWS::Region": region,
        "AWS::AccountId": account,
        "AWS::URLSuffix": "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com",
    }


def _physical_ids(cloudformation: Any, name: str) -> dict[str, str]:
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    return {
        row["LogicalResourceId"]: row["PhysicalResourceId"]
        for page in pages
        for row in page["StackResourceSummaries"]
        if row.get("PhysicalResourceId") and row["ResourceStatus"] != "DELETE_COMPLETE"
    }


def _template(body: Any) -> Mapping[str, Any]:
    """botocore decodes JSON by itself; a template written as YAML is none of the CDK's and counts as another one."""
    if not isinstance(body, str):
        return dict(body)
    try:
        return dict(json.loads(body))
    except ValueError:
        return {}


def _failure(cloudformation: Any, name: str) -> str | None:
    """What failed first in the last operation: CloudFormation lists the newest event first."""
    pages = cloudformation.get_paginator("describe_stack_events").paginate(
        StackName=name, PaginationConfig={"MaxItems": 100 * _EVENT_PAGES}
    )
    return first_failure(event for page in pages for event in page["StackEvents"])


def first_failure(newest_first: Iterable[Mapping[str, Any]]) -> str | None:
    """`<logical id>: <reason>` of the first failure since the operation began; None when none is told."""
    found = None
    for event in newest_first:
        reason = event.get("ResourceStatusReason", "")
        if event["ResourceStatus"].endswith("_FAILED") and reason and _SECONDARY not in reason:
            found = f"{event['LogicalResourceId']}: {reason}"
        if _begins(event):
            break
    return found


def _begins(event: Mapping[str, Any]) -> bool:
    itself = event["LogicalResourceId"] == event["StackName"]
    return itself and event["ResourceStatus"] in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")
