"""CloudFormation's custom resources: what it asks, and how it is answered.

An answer has at most 4,096 bytes and is PUT to a signed address (CloudFormation User Guide, "Custom resource
request/response objects").
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore
import urllib3

from lambdas.weights.errors import StagingError, without_secrets
from lambdas.weights.fields import mapping, optional_text, parsed_json, text
from lambdas.weights.request import Request

REASON_BYTES = 2500  # leaves room for the ids and for what JSON escapes
_RETRIES = urllib3.Retry(
    total=5, backoff_factor=1, status_forcelist=(500, 502, 503, 504), allowed_methods=None, redirect=0
)


class NotDelivered(StagingError):
    """CloudFormation did not take the answer."""


@dataclass(frozen=True)
class ResourceEvent:
    """One request of CloudFormation. `raw` is the whole of it; `properties` are the template's."""

    raw: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return text(self.raw, "RequestType")

    @property
    def request_id(self) -> str:
        return text(self.raw, "RequestId")

    @property
    def properties(self) -> Mapping[str, Any]:
        return mapping(self.raw.get("ResourceProperties"), "ResourceProperties")

    def request(self) -> Request:
        """Raises `BadRequest`."""
        return Request.parse(self.document())

    def document(self) -> dict[str, object]:
        """The stager's request: Files and Select are JSON in the template. Raises `BadRequest`."""
        files, select = optional_text(self.properties, "Files"), optional_text(self.properties, "Select")
        return {
            "repository": text(self.properties, "Repository"),
            "revision": text(self.properties, "Revision"),
            "files": None if files is None else parsed_json(files, "Files"),
            "select": None if select is None else parsed_json(select, "Select"),
        }

    @property
    def physical_id(self) -> str:
        """The snapshot's name: another one replaces the resource, and the old one is then "deleted"."""
        if self.kind == "Delete":
            return str(self.raw.get("PhysicalResourceId"))
        return f"{self.properties.get('Repository')}@{self.properties.get('Revision')}"[:500]


def answer(event: ResourceEvent, failure: str | None) -> dict[str, object]:
    """What CloudFormation is told: success, or the failure's reason cut to what it takes."""
    reason = "" if failure is None else _cut(without_secrets(failure))
    return {
        "Status": "SUCCESS" if failure is None else "FAILED",
        "Reason": reason,
        "PhysicalResourceId": event.physical_id,
        **{name: event.raw.get(name) for name in ("StackId", "RequestId", "LogicalResourceId")},
        "NoEcho": False,
        "Data": {},
    }


def deliver(event: ResourceEvent, document: Mapping[str, object]) -> None:
    """PUT the answer. Raises `NotDelivered`, which does not quote the signed address."""
    pool = urllib3.PoolManager(ca_certs=str(Path(botocore.__file__).parent / "cacert.pem"))
    body = json.dumps(document).encode()
    try:
        # Signed without a content type, so none may be sent.
        answered = pool.request(
            "PUT", text(event.raw, "ResponseURL"), body=body, headers={"content-type": ""}, retries=_RETRIES
        )
        outcome = f"status {answered.status}"
        if answered.status < 300:
            return
    except urllib3.exceptions.HTTPError as error:
        outcome = type(error).__name__
    raise NotDelivered(f"CloudFormation did not take the answer to {event.request_id}: {outcome}")


def _cut(reason: str) -> str:
    """At most `REASON_BYTES` as JSON writes it: a character that it escapes takes up to twelve bytes."""
    while len(json.dumps(reason)) > REASON_BYTES:
        reason = reason[: len(reason) * 9 // 10 - 1] + "…"
    return reason
