"""The stager's functions and state machines on an embedded AWS, copying from a local Hub."""

from __future__ import annotations

import io
import itertools
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
_NUMBERS = itertools.count(1)


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
        """The bucket, a stager whose secret has no value, and what CloudFormation asks."""
        self.client("s3").create_bucket(Bucket=BUCKET)
        self._deploy_stager(STAGER, concurrency)
        machines = {"STAGER_ARN": self.arns["stager"], "WAITER_ARN": self._machine_arn(WAITER)}
        self.arns["resource"] = self._function("resource", "resource", {"WEIGHTS_BUCKET": BUCKET, **machines})
        self.arns["waiter"] = self._machine(WAITER, waiter_definition(resource_arn=self.arns["resource"]))

    def with_token(self, value: str) -> World:
        """The same with a stager of its own, whose secret has this value: workers keep a token for minutes."""
        other = World(self.aws, self.hub)
        other._deploy_stager(f"{STAGER}-{next(_NUMBERS)}", concurrency=2)
        other.store_token(value)
        return other

    def _deploy_stager(self, name: str, concurrency: int) -> None:
        self.arns["secret"] = self.client("secretsmanager").create_secret(Name=name)["ARN"]
        variables = {
            "WEIGHTS_BUCKET": BUCKET,
            "TOKEN_SECRET_ARN": self.arns["secret"],
            "PART_MIB": str(PART_MIB),
            "ADEPT_ENVIRONMENT": "test",
            "HF_ENDPOINT": self.hub.url,
        }
        worker = self.arns["worker"] = self._function(f"{name}-worker", "worker", variables)
        definition = stager_definition(worker_arn=worker, bucket_name=BUCKET, concurrency=concurrency)
        self.arns["stager"] = self._machine(name, definition)

    def store_token(self, value: str) -> None:
        self.client("secretsmanager").put_secret_value(SecretId=self.arns["secret"], SecretString=value)

    def stage(self, repository: HubRepository, attempt: int = 1, **request: object) -> Ended:
        """Start an execution, and wait for its end."""
        return self.wait(self.start(repository, attempt, **request))

    def start(self, repository: HubRepository, attempt: int = 1, **request: object) -> str:
        asked = {**self.request(repository), **request}
        name = f"{repository.repo_id.replace('/', '-')}-{attempt}"
        return str(
            self.client("stepfunctions").start_execution(
                stateMachineArn=self.arns["stager"], name=name, input=json.dumps(asked)
            )["executionArn"]
        )

    @staticmethod
    def request(repository: HubRepository) -> dict[str, object]:
        """What a lock without files asks for."""
        select = {name: list(patterns) for name, patterns in SELECTION.items()}
        return {
            "repository": repository.repo_id,
            "revision": repository.commit("main"),
            "files": None,
            "select": select,
        }

    def invoke(self, event: Mapping[str, object]) -> dict[str, Any]:
        """What the worker answers when it is invoked once."""
        answer, failed = self._invoke(event)
        assert not failed, answer
        return answer

    def failure_of(self, event: Mapping[str, object]) -> dict[str, Any]:
        """What the worker fails with when it is invoked once."""
        answer, failed = self._invoke(event)
        assert failed, answer
        return answer

    def _invoke(self, event: Mapping[str, object]) -> tuple[dict[str, Any], bool]:
        answer = self.client("lambda").invoke(
            FunctionName=self.arns["worker"], Payload=json.dumps(event).encode()
        )
        return dict(json.loads(answer["Payload"].read())), "FunctionError" in answer

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

    def snapshot(self, repository: HubRepository) -> dict[str, bytes]:
        """The snapshot's objects by path."""
        prefix = f"{repository.repo_id}/{repository.commit('main')}/"
        return {key.removeprefix(prefix): body for key, body in self.objects(prefix).items()}

    def manifest(self, repository: HubRepository) -> dict[str, Any] | None:
        key = f"_manifests/{repository.repo_id}/{repository.commit('main')}.json"
        raw = self.objects(key).get(key)
        return None if raw is None else dict(json.loads(raw))

    def leftovers(self, repository: HubRepository) -> list[str]:
        """Unfinished uploads and work in progress of a repository."""
        listed = self.client("s3").list_multipart_uploads(Bucket=BUCKET, Prefix=f"{repository.repo_id}/")
        return [row["Key"] for row in listed.get("Uploads", [])] + list(
            self.objects(f"_staging/{repository.repo_id}/")
        )

    def logs(self) -> str:
        """Every line that the functions logged."""
        logs = self.client("logs")
        lines: list[str] = []
        for group in logs.describe_log_groups()["logGroups"]:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
            lines += [event["message"] for page in pages for event in page["events"]]
        return "\n".join(lines)

    def _machine_arn(self, name: str) -> str:
        account = self.client("sts").get_caller_identity()["Account"]
        return f"arn:aws:states:us-east-1:{account}:stateMachine:{name}"

    def _function(self, name: str, module: str, variables: Mapping[str, str]) -> str:
        made = self.client("lambda").create_function(
            FunctionName=name,
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
        assert made["stateMachineArn"] == self._machine_arn(name)
        return str(made["stateMachineArn"])


def files_of(repository: HubRepository) -> dict[str, bytes]:
    """The bytes that an engine needs, by path."""
    folder = repository.commits[str(repository.commit("main"))]
    return {
        path.name: path.read_bytes()
        for path in Path(folder).iterdir()
        if path.is_file() and path.suffix in (".safetensors", ".json", ".txt")
    }
