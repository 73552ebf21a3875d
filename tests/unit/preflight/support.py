"""One endpoint of production as CloudFormation would get it, without a fault, to plant one in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endpoints.catalogue import load_catalogue
from endpoints.findings import Finding
from endpoints.locks import Lock, LockedFile, LockedSnapshot, read_lock
from endpoints.preflight import AccountFacts, HubAccess, Plan, Quota, Staged, preflight
from endpoints.preflight.planned import repository_of, revision_of
from endpoints.weights.layout import SnapshotId
from endpoints.weights.manifest import Manifest, StagedFile

ENVIRONMENT = "production"
USE_CASE = "query-enhancement"
STACK = f"adept-{ENVIRONMENT}-{USE_CASE}"
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-tgi-inference:2.7.0-tgi3.3.6-gpu-py311-cu124"
LLAMA = "meta-llama/Llama-3.1-8B-Instruct/0e9e39f249a16976918f6564b8830bc894c89659"
DIGEST = "sha256:" + "d" * 64
FILES = (
    StagedFile(path="config.json", size_bytes=100, sha256="a" * 64, git_blob="b" * 40),
    StagedFile(path="model-00001-of-00002.safetensors", size_bytes=9000, sha256="c" * 64),
    StagedFile(path="model-00002-of-00002.safetensors", size_bytes=900, sha256="d" * 64),
)

Template = dict[str, Any]


def template() -> Template:
    """Primary only, two instances, a canary of one, an alarm that its role may read."""
    return {
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {}},
            "Policy": {"Type": "AWS::IAM::Policy", "Properties": _policy("cloudwatch:DescribeAlarms")},
            "Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"AlarmName": f"{STACK}-errors"}},
            "Model": {"Type": "AWS::SageMaker::Model", "Properties": _model()},
            "Config": {
                "Type": "AWS::SageMaker::EndpointConfig",
                "Properties": {"ProductionVariants": [_variant()]},
            },
            "Endpoint": {"Type": "AWS::SageMaker::Endpoint", "Properties": _endpoint()},
            "Target": {
                "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
                "Properties": {
                    "ResourceId": f"endpoint/{STACK}/variant/primary",
                    "MinCapacity": 2,
                    "MaxCapacity": 6,
                },
            },
        }
    }


def properties(of: Template, logical_id: str) -> dict[str, Any]:
    """The properties of one resource, to change."""
    found: dict[str, Any] = of["Resources"][logical_id]["Properties"]
    return found


def variant(of: Template) -> dict[str, Any]:
    """The only production variant, to change."""
    found: dict[str, Any] = properties(of, "Config")["ProductionVariants"][0]
    return found


def routing(of: Template) -> dict[str, Any]:
    """The traffic routing configuration, to change."""
    policy = properties(of, "Endpoint")["DeploymentConfig"]["BlueGreenUpdatePolicy"]
    found: dict[str, Any] = policy["TrafficRoutingConfiguration"]
    return found


def plan_of(of: Template, lock: Lock | None = None) -> Plan:
    """The plan of one stack; its lock records the files of the primary."""
    catalogue = load_catalogue()
    return Plan(
        catalogue=catalogue,
        environment=catalogue.environment(ENVIRONMENT),
        templates={STACK: of},
        lock=lock or recorded_lock(),
    )


def recorded_lock(files: tuple[StagedFile, ...] | None = FILES) -> Lock:
    """The lock of the environment, with these files of the primary; None records none."""
    committed = read_lock(ENVIRONMENT)
    snapshots = [_recorded(one, files) if one.key == LLAMA else one for one in committed.snapshots]
    return Lock.of(ENVIRONMENT, snapshots, committed.candidates)


def staged(files: tuple[StagedFile, ...] = FILES, *, sizes: dict[str, int] | None = None) -> Staged:
    """A snapshot of the primary in the bucket, with its manifest."""
    manifest = Manifest.of(
        SnapshotId(repository_of(LLAMA), revision_of(LLAMA)),
        files,
        staged_from="https://huggingface.co",
        staged_at="2026-11-26T12:00:00+00:00",
    )
    return Staged(sizes={file.path: file.size_bytes for file in files} | (sizes or {}), manifest=manifest)


def well(of: Template) -> AccountFacts:
    """An account in which nothing is missing."""
    plan = plan_of(of)
    return AccountFacts(
        quotas={each: Quota(code="L-00000001", value=100) for each in plan.instance_types},
        offered=frozenset(plan.instance_types),
        images=dict.fromkeys(plan.images, DIGEST),
        endpoints={},
        weights={LLAMA: staged()},
        bucket="weights",
        hub=dict.fromkeys(plan.gated_snapshots, HubAccess.GRANTED),
    )


def checked(of: Template, facts: AccountFacts | None = None, lock: Lock | None = None) -> tuple[Finding, ...]:
    """Everything that preflight finds."""
    return preflight(plan_of(of, lock), facts or well(of))


def only(findings: tuple[Finding, ...]) -> Finding:
    """The one finding."""
    assert len(findings) == 1, [(finding.check, finding.found) for finding in findings]
    return findings[0]


def repository() -> str:
    """Of the primary."""
    return repository_of(LLAMA)


def _recorded(snapshot: LockedSnapshot, files: tuple[StagedFile, ...] | None) -> LockedSnapshot:
    """As `adept lock` records it: a digest of the kind that the Hub names."""
    locked = tuple(
        LockedFile(
            path=file.path,
            size_bytes=file.size_bytes,
            sha256=None if file.git_blob else file.sha256,
            git_blob=file.git_blob,
        )
        for file in files or ()
    )
    total = sum(file.size_bytes for file in locked)
    return snapshot.model_copy(update={"files": locked or None, "total_bytes": total if locked else None})


def _variant() -> dict[str, Any]:
    return {
        "VariantName": "primary",
        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
        "InstanceType": "ml.g5.xlarge",
        "InitialInstanceCount": 2,
        "InferenceAmiVersion": "al2-ami-sagemaker-inference-gpu-3-1",
    }


def _model() -> dict[str, Any]:
    uri = {"Fn::Join": ["", ["s3://", {"Fn::ImportValue": "foundation:Bucket"}, f"/{LLAMA}/"]]}
    return {
        "ExecutionRoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
        "PrimaryContainer": {
            "Image": IMAGE,
            "Environment": {"SM_NUM_GPUS": "1"},
            "ModelDataSource": {"S3DataSource": {"S3Uri": uri}},
        },
    }


def _endpoint() -> dict[str, Any]:
    return {
        "EndpointName": STACK,
        "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]},
        "RetainAllVariantProperties": True,
        "DeploymentConfig": {
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": {
                    "Type": "CANARY",
                    "WaitIntervalInSeconds": 300,
                    "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
                },
                "TerminationWaitInSeconds": 300,
                "MaximumExecutionTimeoutInSeconds": 14_400,
            },
            "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": f"{STACK}-errors"}]},
        },
    }


def _policy(action: str) -> Mapping[str, Any]:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return {"Roles": [{"Ref": "Role"}], "PolicyDocument": {"Statement": [statement]}}
