"""The two state machines of staging, in Amazon States Language: pure data, rendered from ARNs and numbers.

stager   plan -> copy the parts -> prove the files -> seal;  whatever fails -> clean -> fail with the reason, or plan
         anew where something was taken away meanwhile
waiter   start or join a stage -> look after it every few seconds -> answer CloudFormation
"""

from __future__ import annotations

from typing import Any, Final

PARTS, FILES = "Parts", "Files"
"""Labels of the stager's two maps: the names of their child executions."""

FINAL_ERRORS: Final = (
    "BadRequest",
    "HubTokenRefused",
    "HubAccessDenied",
    "HubNotFound",
    "HubFileChanged",
    "DigestMismatch",
    "StagingLost",
)
"""Errors that no repetition of a step mends (lambdas/weights/errors.py; a contract test holds the two together)."""

STAGER_TIMEOUT_S: Final = 12 * 3600
WAITER_TIMEOUT_S: Final = 3540  # CloudFormation gives up after 3,600, and somebody must have answered by then

# Full jitter: workers that the Hub turned away together must not come back together.
_RETRIES: Final = [
    {"ErrorEquals": list(FINAL_ERRORS), "MaxAttempts": 0},
    {
        "ErrorEquals": ["HubRateLimited"],
        "IntervalSeconds": 30,
        "BackoffRate": 2,
        "MaxDelaySeconds": 300,
        "MaxAttempts": 8,
        "JitterStrategy": "FULL",
    },
    {
        # An account's functions share its concurrency; whoever finds none left is patient.
        "ErrorEquals": ["Lambda.TooManyRequestsException"],
        "IntervalSeconds": 5,
        "BackoffRate": 1.5,
        "MaxDelaySeconds": 60,
        "MaxAttempts": 30,
        "JitterStrategy": "FULL",
    },
    {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": 2,
        "BackoffRate": 2,
        "MaxDelaySeconds": 60,
        "MaxAttempts": 6,
        "JitterStrategy": "FULL",
    },
]
_SNAPSHOT: Final = {"repository.$": "$.repository", "revision.$": "$.revision"}
_ATTEMPT: Final = {"attempt.$": "$$.Execution.Name"}


def stager_definition(*, worker_arn: str, bucket_name: str, concurrency: int) -> dict[str, Any]:
    """One execution stages one snapshot. `concurrency` workers run at once."""

    def over(item: str, label: str, step: str, key: str, following: str) -> dict[str, Any]:
        return {
            **_map(item, label, step, key, bucket_name, worker_arn),
            "MaxConcurrency": concurrency,
            "Catch": _caught_by("Clean"),
            "Next": following,
        }

    return {
        "Comment": "Copies one snapshot from the Hub into the weights' bucket and proves every byte",
        "TimeoutSeconds": STAGER_TIMEOUT_S,
        "StartAt": "Plan",
        "States": {
            "Plan": {
                **_task(
                    worker_arn, {"step": "plan", **_ATTEMPT, "request.$": "$$.Execution.Input"}, "$.plan"
                ),
                "Catch": _caught_by("Clean"),
                "Next": "WhatIsLeft",
            },
            "WhatIsLeft": {
                "Type": "Choice",
                "Choices": [
                    {"Variable": "$.plan.complete", "BooleanEquals": True, "Next": "Staged"},
                    {"Variable": "$.plan.parts", "NumericGreaterThan": 0, "Next": "CopyParts"},
                ],
                "Default": "WhatToProve",
            },
            "CopyParts": over("part", PARTS, "copy", "$.plan.parts_key", "WhatToProve"),
            "WhatToProve": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.plan.files", "NumericGreaterThan": 0, "Next": "ProveFiles"}],
                "Default": "Seal",
            },
            "ProveFiles": over("file", FILES, "finish", "$.plan.files_key", "Seal"),
            "Seal": {
                **_task(worker_arn, {"step": "seal", **_ATTEMPT, "snapshot": _SNAPSHOT}, "$.sealed"),
                "Catch": _caught_by("Clean"),
                "Next": "Staged",
            },
            "Staged": {"Type": "Succeed"},
            "Clean": {
                **_task(worker_arn, {"step": "clean", **_ATTEMPT, "state.$": "$"}, "$.report"),
                "Catch": [
                    {"ErrorEquals": ["States.ALL"], "ResultPath": "$.cleaning", "Next": "FailedUncleaned"}
                ],
                "Next": "WhatNow",
            },
            "WhatNow": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.report.again", "BooleanEquals": True, "Next": "Plan"}],
                "Default": "Failed",
            },
            "Failed": {"Type": "Fail", "ErrorPath": "$.report.error", "CausePath": "$.report.message"},
            "FailedUncleaned": {
                "Type": "Fail",
                "ErrorPath": "$.failure.Error",
                "CausePath": "$.failure.Cause",
            },
        },
    }


def waiter_definition(*, resource_arn: str) -> dict[str, Any]:
    """One execution answers one request of CloudFormation; its input is `{"event": the request}`."""
    event = {"event.$": "$.event"}
    started_at = {"started_at.$": "$$.Execution.StartTime"}
    return {
        "Comment": "Waits for a snapshot on behalf of CloudFormation",
        "TimeoutSeconds": WAITER_TIMEOUT_S,
        "StartAt": "Start",
        "States": {
            "Start": {
                **_task(resource_arn, {"action": "start", **event}, "$.staging"),
                "Catch": _caught_by("RespondFailure"),
                "Next": "Poll",
            },
            "Poll": {
                **_task(
                    resource_arn,
                    {"action": "poll", **event, "staging.$": "$.staging", **started_at},
                    "$.staging",
                ),
                "Catch": _caught_by("RespondFailure"),
                "Next": "IsItThere",
            },
            "IsItThere": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.staging.state", "StringEquals": "RUNNING", "Next": "Wait"}],
                "Default": "Respond",
            },
            "Wait": {"Type": "Wait", "SecondsPath": "$.staging.wait_s", "Next": "Poll"},
            "Respond": {
                **_task(resource_arn, {"action": "respond", **event, "staging.$": "$.staging"}, "$.answer"),
                "End": True,
            },
            "RespondFailure": {
                **_task(resource_arn, {"action": "respond", **event, "failure.$": "$.failure"}, "$.answer"),
                "End": True,
            },
        },
    }


def _task(function_arn: str, parameters: dict[str, Any], result_path: str) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": function_arn,
        "Parameters": parameters,
        "ResultPath": result_path,
        "Retry": _RETRIES,
    }


def _map(item: str, label: str, step: str, key: str, bucket_name: str, worker_arn: str) -> dict[str, Any]:
    """A distributed map over a list in the bucket. Children answer nothing, so that their results never add up to
    more than a state may hold.
    """
    return {
        "Type": "Map",
        "Label": label,
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket": bucket_name, "Key.$": key},
        },
        "ItemSelector": {
            "step": step,
            "attempt.$": "$.plan.attempt",  # the context object of a child is the child's
            "snapshot": _SNAPSHOT,
            f"{item}.$": "$$.Map.Item.Value",
        },
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": step.capitalize(),
            "States": {
                step.capitalize(): {
                    "Type": "Task",
                    "Resource": worker_arn,
                    "Retry": _RETRIES,
                    "OutputPath": None,
                    "End": True,
                }
            },
        },
        "ResultPath": None,
    }


def _caught_by(state: str) -> list[dict[str, Any]]:
    return [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": state}]
