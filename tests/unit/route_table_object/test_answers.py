"""CloudFormation gets its answer whatever happens: silence would hang the stack for hours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from lambdas.route_table.handler import respond

EVENT = {
    "RequestType": "Create",
    "ResponseURL": "https://example.invalid/answer",
    "StackId": "stack",
    "RequestId": "request",
    "LogicalResourceId": "Object",
    "ResourceProperties": {"Bucket": "tables", "Key": "route_table.json"},
}


def _answered(event: Mapping[str, Any], fault: Exception | None = None) -> dict[str, Any]:
    def work(_type: str, _properties: Mapping[str, Any]) -> None:
        if fault is not None:
            raise fault

    answers: list[dict[str, Any]] = []
    respond(event, work, lambda url, answer: answers.append({"url": url, **answer}))
    (answer,) = answers
    return answer


def test_success_names_the_object_and_echoes_what_cloudformation_matches_it_by() -> None:
    assert _answered(EVENT) == {
        "url": "https://example.invalid/answer",
        "Status": "SUCCESS",
        "PhysicalResourceId": "s3://tables/route_table.json",
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Object",
    }


def test_an_update_keeps_the_objects_name_so_that_nothing_is_replaced() -> None:
    answer = _answered({**EVENT, "RequestType": "Update", "PhysicalResourceId": "s3://old/name"})

    assert answer["PhysicalResourceId"] == "s3://old/name"


@pytest.mark.parametrize("fault", [KeyError("Bucket"), RuntimeError("x" * 5000), OSError("no network")])
def test_a_failure_is_answered_with_its_reason_within_cloudformations_limit(fault: Exception) -> None:
    answer = _answered(EVENT, fault)

    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith(type(fault).__name__)
    assert len(answer["Reason"]) <= 1000
    assert answer["PhysicalResourceId"]
