"""What CloudFormation asks, and what it is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.weights.cloudformation import NotDelivered, ResourceEvent, answer, deliver
from lambdas.weights.errors import BadRequest

EVENT: dict[str, Any] = {
    "RequestType": "Create",
    "RequestId": "request",
    "StackId": "arn:aws:cloudformation:us-east-1:1:stack/" + "s" * 128 + "/id",
    "LogicalResourceId": "L" * 255,
    "ResponseURL": "http://127.0.0.1:9/answer?X-Signature=secret",
    "ResourceProperties": {
        "Repository": "acme/model",
        "Revision": "a" * 40,
        "Select": json.dumps({"include": ["*.json"]}),
    },
}


def _event(**fields: Any) -> ResourceEvent:
    return ResourceEvent({**EVENT, **fields})


def test_the_properties_are_a_request_of_the_stager() -> None:
    file = {"path": "config.json", "size_bytes": 1, "git_blob": "b" * 40}
    properties = {**EVENT["ResourceProperties"], "Files": json.dumps([file])}

    request = _event(ResourceProperties=properties).request()

    assert str(request.snapshot) == f"acme/model@{'a' * 40}"
    assert request.files is not None
    assert request.files[0].document() == file
    assert request.select.include == ("*.json",)


def test_without_files_the_selection_decides() -> None:
    assert _event().request().files is None


@pytest.mark.parametrize(
    "properties",
    [None, {}, {"Repository": "acme/model"}, {**EVENT["ResourceProperties"], "Files": "["}],
)
def test_properties_that_are_none_are_refused(properties: object) -> None:
    with pytest.raises(BadRequest):
        _event(ResourceProperties=properties).request()


@given(st.text(max_size=5000))
def test_an_answer_always_fits(reason: str) -> None:
    told = answer(_event(), reason)

    assert len(json.dumps(told)) <= 4096
    assert told["Status"] == "FAILED"


def test_a_reason_is_told_as_it_is_where_it_fits() -> None:
    assert answer(_event(), "The Hub is down")["Reason"] == "The Hub is down"


def test_the_physical_id_is_the_snapshot_and_a_deletion_keeps_its_own() -> None:
    assert answer(_event(), None)["PhysicalResourceId"] == f"acme/model@{'a' * 40}"
    deleted = _event(RequestType="Delete", PhysicalResourceId="acme/old@b")
    assert answer(deleted, None)["PhysicalResourceId"] == "acme/old@b"


def test_an_answer_that_nobody_takes_is_an_error_without_the_signed_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lambdas.weights.cloudformation._RETRIES", False)

    with pytest.raises(NotDelivered) as error:
        deliver(_event(), {})
    assert "secret" not in str(error.value)
    assert error.value.__cause__ is None
