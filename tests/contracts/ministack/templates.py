"""CloudFormation templates as a person would write them for one endpoint with autoscaling."""

from __future__ import annotations

import json
from typing import Any

IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-tgi-inference:2.7.0-tgi3.3.6"


def template(
    *,
    environment: dict[str, str] | None = None,
    endpoint_name: str = "adept-test",
    max_capacity: str = "2",
    policy_type: str = "TargetTrackingScaling",
    tags: dict[str, str] | None = None,
) -> str:
    """Numbers are strings here and there, as parameters and mappings deliver them."""
    return json.dumps(
        {
            "Resources": {
                "Role": _role(),
                "Model": _model(environment or {}),
                "Config": _config(),
                "Endpoint": _endpoint(endpoint_name, tags or {}),
                "Target": _target(max_capacity),
                "Policy": _policy(policy_type),
            },
            "Outputs": {
                "EndpointArn": {"Value": {"Ref": "Endpoint"}},
                "EndpointName": {"Value": {"Fn::GetAtt": ["Endpoint", "EndpointName"]}},
                "ConfigName": {"Value": {"Fn::GetAtt": ["Config", "EndpointConfigName"]}},
                "ModelName": {"Value": {"Fn::GetAtt": ["Model", "ModelName"]}},
                "ModelArn": {"Value": {"Ref": "Model"}},
                "TargetId": {"Value": {"Ref": "Target"}},
                "PolicyArn": {"Value": {"Ref": "Policy"}},
            },
        }
    )


def _role() -> dict[str, Any]:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sagemaker.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}}


def _model(environment: dict[str, str]) -> dict[str, Any]:
    return {
        "Type": "AWS::SageMaker::Model",
        "Properties": {
            "ExecutionRoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
            "EnableNetworkIsolation": "true",
            "PrimaryContainer": {"Image": IMAGE, "Environment": {"SM_NUM_GPUS": 1, **environment}},
        },
    }


def _config() -> dict[str, Any]:
    variant = {
        "VariantName": "primary",
        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
        "InstanceType": "ml.g5.xlarge",
        "InitialInstanceCount": "1",
        "InitialVariantWeight": "1.0",
    }
    return {"Type": "AWS::SageMaker::EndpointConfig", "Properties": {"ProductionVariants": [variant]}}


def _endpoint(name: str, tags: dict[str, str]) -> dict[str, Any]:
    return {
        "Type": "AWS::SageMaker::Endpoint",
        "Properties": {
            "EndpointName": name,
            "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]},
            "RetainAllVariantProperties": "true",
            "DeploymentConfig": {
                "BlueGreenUpdatePolicy": {
                    "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": "0"}
                }
            },
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        },
    }


def _target(max_capacity: str) -> dict[str, Any]:
    resource = {"Fn::Sub": "endpoint/${Endpoint.EndpointName}/variant/primary"}
    return {
        "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
        "Properties": {
            "ServiceNamespace": "sagemaker",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
            "ResourceId": resource,
            "MinCapacity": "1",
            "MaxCapacity": max_capacity,
        },
    }


def _policy(policy_type: str) -> dict[str, Any]:
    return {
        "Type": "AWS::ApplicationAutoScaling::ScalingPolicy",
        "Properties": {
            "PolicyName": "in-flight",
            "PolicyType": policy_type,
            "ScalingTargetId": {"Ref": "Target"},
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": "14",
                "ScaleInCooldown": 300,
                "PredefinedMetricSpecification": {
                    "PredefinedMetricType": "SageMakerVariantConcurrentRequestsPerModelHighResolution"
                },
            },
        },
    }
