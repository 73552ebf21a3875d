"""A snapshot that must be in the bucket before whatever depends on it is created."""

from __future__ import annotations

import json

from aws_cdk import CustomResource, Duration
from constructs import Construct

from endpoints.locks import LockedSnapshot
from endpoints.locks.files import SELECTION
from infra.stager import Stager

TYPE = "Custom::AdeptStagedSnapshot"
_SERVICE_TIMEOUT_S = 3600  # CloudFormation's most


class StagedSnapshot(Construct):
    """Creating it, or naming another commit, stages what is missing; deleting it deletes nothing.

    Where the lock lists the files they must be the Hub's; where it does not the selection chooses them.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, snapshot: LockedSnapshot, stager: Stager
    ) -> None:
        super().__init__(scope, construct_id)
        listed = snapshot.files or ()
        files = [file.model_dump(mode="json", exclude_none=True) for file in listed]
        CustomResource(
            self,
            "Resource",
            resource_type=TYPE,
            service_token=stager.service_token,
            service_timeout=Duration.seconds(_SERVICE_TIMEOUT_S),
            properties={
                "Repository": snapshot.repository,
                "Revision": snapshot.revision,
                "Select": json.dumps(SELECTION, sort_keys=True),
                **({"Files": json.dumps(files, sort_keys=True)} if files else {}),
            },
        )
