"""An environment of one use case: its template, its stack, and an account in which all is as it was meant."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from endpoints.verify.live import Account, LiveEndpoint, LiveStack, LiveVariant
from endpoints.verify.scaling import ScalableTarget, ScalingPolicy, ScheduledAction

STACK = ENDPOINT = "adept-staging-job-parsing"
FOUNDATION = "adept-staging-foundation"
BUCKET_EXPORT = f"{FOUNDATION}:Bucket"
IMAGE = "763104351884.dkr.ecr.eu-west-1.amazonaws.com/tgi:3.3.6"
DIGEST = "763104351884.dkr.ecr.eu-west-1.amazonaws.com/tgi@sha256:" + "a" * 64
CONFIG_ARN = "arn:aws:sagemaker:eu-west-1:111122223333:endpoint-config/config-ab12cd"
PRIMARY = f"endpoint/{ENDPOINT}/variant/primary"
ALARM = "adept-staging-job-parsing-primary-rollback-5xx"

TRACKING = {"TargetValue": 14.0, "ScaleInCooldown": 600}
NIGHT = {
    "Schedule": "cron(0 20 * * ? *)",
    "Timezone": "Europe/Madrid",
    "ScalableTargetAction": {"MinCapacity": 1},
}


def template(
    *, primary: dict[str, Any] | None = None, alternative: bool = True, image: str = IMAGE
) -> dict[str, Any]:
    """What the CDK writes, in small. `primary` overrides members of the primary variant."""
    variants = [_variant("primary", 2) | (primary or {})]
    if alternative:
        variants.append(_variant("alternative", 1))
    return {
        "Resources": {
            "Model": {"Type": "AWS::SageMaker::Model", "Properties": {"PrimaryContainer": _container(image)}},
            "Config": {
                "Type": "AWS::SageMaker::EndpointConfig",
                "Properties": {"ProductionVariants": variants},
            },
            "Endpoint": {"Type": "AWS::SageMaker::Endpoint", "Properties": _endpoint()},
            **_scaling(),
        },
        "Outputs": {"Name": {"Value": {"Fn::GetAtt": ["Endpoint", "EndpointName"]}}},
    }


def _variant(name: str, count: int) -> dict[str, Any]:
    return {
        "VariantName": name,
        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
        "InstanceType": "ml.g5.xlarge",
        "InitialInstanceCount": count,
        "InitialVariantWeight": 1 if name == "primary" else 0,
        "InferenceAmiVersion": "al2-ami-sagemaker-inference-gpu-3-1",
    }


def _container(image: str) -> dict[str, Any]:
    uri = {"Fn::Join": ["", ["s3://", {"Fn::ImportValue": BUCKET_EXPORT}, "/llama/"]]}
    return {
        "Image": image,
        "ModelDataSource": {"S3DataSource": {"S3Uri": uri}},
        "Environment": {"MAX_INPUT_TOKENS": "3072", "SM_NUM_GPUS": 1},
    }


def _endpoint() -> dict[str, Any]:
    return {
        "EndpointName": ENDPOINT,
        "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]},
        "DeploymentConfig": {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": ALARM}]}},
    }


def _scaling() -> dict[str, Any]:
    return {
        "Target": {
            "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
            "Properties": {
                "ResourceId": PRIMARY,
                "MinCapacity": 2,
                "MaxCapacity": 6,
                "ScheduledActions": [{"ScheduledActionName": "night", **NIGHT}],
            },
            "DependsOn": ["Endpoint"],
        },
        "Policy": _policy("requests-in-flight", "TargetTrackingScaling", "TargetTracking", TRACKING),
        "Burst": _policy("burst", "StepScaling", "StepScaling", {"Cooldown": "60"}),
        "BurstAlarm": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {"AlarmActions": [{"Ref": "Burst"}]},
        },
    }


def _policy(name: str, policy_type: str, prefix: str, configuration: dict[str, Any]) -> dict[str, Any]:
    properties = {
        "PolicyName": name,
        "PolicyType": policy_type,
        "ScalingTargetId": {"Ref": "Target"},
        f"{prefix}ScalingPolicyConfiguration"
        if prefix == "TargetTracking"
        else f"{prefix}PolicyConfiguration": (configuration),
    }
    return {"Type": "AWS::ApplicationAutoScaling::ScalingPolicy", "Properties": properties}


def target(**changes: Any) -> ScalableTarget:
    """The primary's registration, as Application Auto Scaling would describe it, with defaults of its own."""
    made = ScalableTarget(
        resource_id=PRIMARY,
        min_capacity=2,
        max_capacity=6,
        policies=(
            ScalingPolicy(
                name="requests-in-flight",
                policy_type="TargetTrackingScaling",
                configuration={**TRACKING, "DisableScaleIn": False},
            ),
            ScalingPolicy(name="burst", policy_type="StepScaling", configuration={"Cooldown": 60}),
        ),
        scheduled_actions=(ScheduledAction(name="night", definition=NIGHT),),
    )
    return replace(made, **changes)


def variant(name: str, **changes: Any) -> LiveVariant:
    count = 2 if name == "primary" else 1
    made = LiveVariant(
        name=name,
        instance_types=("ml.g5.xlarge",),
        host_ami="al2-ami-sagemaker-inference-gpu-3-1",
        image=IMAGE,
        resolved_image=DIGEST,
        model_data="s3://weights/llama/",
        environment={"MAX_INPUT_TOKENS": "3072", "SM_NUM_GPUS": "1"},
        desired_weight=1.0 if name == "primary" else 0.0,
        desired_count=count,
        current_count=count,
    )
    return replace(made, **changes)


def endpoint(**changes: Any) -> LiveEndpoint:
    made = LiveEndpoint(
        name=ENDPOINT,
        status="InService",
        failure_reason=None,
        config_name="Config-AB12cd",
        variants=(variant("primary"), variant("alternative")),
        rollback_alarms=(ALARM,),
        targets=(target(),),
    )
    return replace(made, **changes)


def stack(**changes: Any) -> LiveStack:
    made = LiveStack(
        name=STACK,
        status="UPDATE_COMPLETE",
        physical_ids={"Config": CONFIG_ARN, "Model": CONFIG_ARN.replace("endpoint-config", "model")},
        template=template(),
    )
    return replace(made, **changes)


def account(
    *, live: LiveEndpoint | None = None, deployed: LiveStack | None = None, **changes: Any
) -> Account:
    """The account; `live` and `deployed` replace the endpoint and its stack."""
    foundation = LiveStack(
        name=FOUNDATION,
        status="CREATE_COMPLETE",
        exports={BUCKET_EXPORT: "weights"},
        template={"Resources": {}},
    )
    made = Account(
        stacks={STACK: deployed or stack(), FOUNDATION: foundation},
        endpoints={ENDPOINT: live or endpoint()},
        alarm_states={ALARM: "OK"},
    )
    return replace(made, **changes)
