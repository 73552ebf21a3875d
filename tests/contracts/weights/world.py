"""The stager's functions and state machines on an embedded AWS, copying from a local Hub."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from endpoints.local.hub import HubRepository
from endpoints.locks.files import SELECTION
from infra.lambda_bundle import WEIGHTS, Target, build_bundle
from infra.stager_definition import stager_definition, waiter_definition
from tests.contracts.ministack.running import Running
from tests.support.hub import RunningHub
from tests.support.waiting import eventually

BUCKET, ROLE = "weights", "arn:aws:iam::000000000000:role/any"
STAGER, WAITER = "adept-test-stager", "adept-test-stager-waiter"
PART_MIB = 5


@cache
def bundle() -> bytes:
    """The weights' bundle for this machine, as Lambda takes it."""
    folder = build_bundle(WEIGHTS, Target.resolve("host", "host"), {}, for_this_host=True)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for path in folder.rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                archive.write(path, path.relative_to(folder))
    return packed.getvalue()


@dataclass(frozen=True)
class Ended:
    """How an execution ended."""

    arn: str
    status: str
    error: str | None
    cause: str | None


@dataclass
class World:
    """`deploy` once; then `stage` as CloudFormation and `adept stage` do, by starting an execution."""

    aws: Running
    hub: RunningHub
    arns: dict[str, str] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        return self.aws.client(service)

    def deploy(self, *, concurrency: int = 2) -> None:
        self.client("s3").create_bucket(Bucket=BUCKET)
        self.arns["secret"] = self.client("secretsmanager").create_secret(Name="token")["ARN"]
        shared = {"WEIGHTS_BUCKET": BUCKET}
        self.arns["worker"] = self._function(
            "worker",
            {
                **shared,
                "TOKEN_SECRET_ARN": self.arns["secret"],
                "PART_MIB": str(PART_MIB),
                "ADEPT_ENVIRONMENT": "test",
                "HF_ENDPOINT": self.hub.url,
            },
        )
        machines = {
            name: f"arn:aws:states:us-east-1:{self._account}:stateMachine:{name}" for name in (STAGER, WAITER)
        }
        self.arns["resource"] = self._function(
            "resource", {**shared, "STAGER_ARN": machines[STAGER], "WAITER_ARN": machines[WAITER]}
        )
        stager = stager_definition(
            worker_arn=self.arns["worker"], bucket_name=BUCKET, concurrency=concurrency
        )
        self.arns["stager"] = self._machine(STAGER, stager)
        self.arns["waiter"] = self._machine(WAITER, waiter_definition(resource_arn=self.arns["resource"]))
        assert {self.arns["stager"], self.arns["waiter"]} == set(machines.values())

    def store_token(self, value: str) -> None:
        self.client("secretsmanager").put_secret_value(SecretId=self.arns["secret"], SecretString=value)

    def stage(self, repository: HubRepository, attempt: int = 1, **request: object) -> Ended:
        """Start an execution, and wait for its end."""
        return self.wait(self.start(repository, attempt, **request))

    def start(self, repository: HubRepository, attempt: int = 1, **request: object) -> str:
        asked = {
            "repository": repository.repo_id,
            "revision": repository.commit("main"),
            "files": None,
            "select": SELECTION,
            **request,
        }
        name = f"{repository.repo_id.replace('/', '-')}-{attempt}"
        return str(
            self.client("stepfunctions").start_execution(
                stateMachineArn=self.arns["stager"], name=name, input=json.dumps(asked, default=list)
            )["executionArn"]
        )

    def wait(self, arn: str) -> Ended:
        states = self.client("stepfunctions")
        found: dict[str, Any] = {}

        def ended() -> bool:
            found.update(states.describe_execution(executionArn=arn))
            return bool(found["status"] != "RUNNING")

        eventually(ended, what="the end of the execution", timeout_s=90)
        return Ended(arn, found["status"], found.get("error"), found.get("cause"))

    def objects(self, prefix: str = "") -> dict[str, bytes]:
        """Everything in the bucket under a prefix."""
        s3 = self.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        keys = [row["Key"] for page in pages for row in page.get("Contents", [])]
        return {key: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}

    def manifest(self, repository: HubRepository) -> dict[str, Any] | None:
        key = f"_manifests/{repository.repo_id}/{repository.commit('main')}.json"
        raw = self.objects(key).get(key)
        return None if raw is None else dict(json.loads(raw))

    def uploads(self) -> list[dict[str, Any]]:
        return list(self.client("s3").list_multipart_uploads(Bucket=BUCKET).get("Uploads", []))

    def logs(self) -> str:
        """Every line that the functions logged."""
        logs = self.client("logs")
        lines: list[str] = []
        for group in logs.describe_log_groups()["logGroups"]:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
            lines += [event["message"] for page in pages for event in page["events"]]
        return "\n".join(lines)

    @property
    def _account(self) -> str:
        return str(self.client("sts").get_caller_identity()["Account"])

    def _function(self, module: str, variables: Mapping[str, str]) -> str:
        made = self.client("lambda").create_function(
            FunctionName=f"stager-{module}",
            Runtime="python3.14",
            Role=ROLE,
            Handler=f"lambdas.weights.{module}.handler",
            Code={"ZipFile": bundle()},
            Timeout=60,
            Environment={"Variables": dict(variables)},
        )
        return str(made["FunctionArn"])

    def _machine(self, name: str, definition: Mapping[str, Any]) -> str:
        made = self.client("stepfunctions").create_state_machine(
            name=name, definition=json.dumps(definition), roleArn=ROLE
        )
        return str(made["stateMachineArn"])


def files_of(repository: HubRepository) -> dict[str, bytes]:
    """The bytes that an engine needs, by path."""
    folder = repository.commits[str(repository.commit("main"))]
    return {
        path.name: path.read_bytes()
        for path in Path(folder).iterdir()
        if path.is_file() and path.suffix in (".safetensors", ".json", ".txt")
    }
