"""One candidate as a SageMaker model: the engine's image, its settings, its weights and a role of its own."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Annotations, ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct, IDependable

from endpoints.catalogue import Candidate, Container, Network
from endpoints.locks import LockedSnapshot
from endpoints.serving import HubSource, container_environment
from infra.nag import acknowledge, as_nag_prints
from infra.weights_bucket import WeightsBucket


class ServedModel(Construct):
    """`model_name` is CloudFormation's, because every property of a model replaces it.

    The weights come from `weights`, where `snapshot` is staged; with `hub_url`, which is for sandboxes and open models
    only, from there. `after` must exist before the model does: the staged snapshot that it loads.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        candidate: Candidate,
        container: Container,
        endpoint_name: str,
        snapshot: LockedSnapshot,
        weights: WeightsBucket,
        hub_url: str | None = None,
        network: Network | None = None,
        rollback_alarms: Sequence[str] = (),
        after: IDependable | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._stack = Stack.of(self)
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"),
            description=f"Runs the {candidate.role.value} model of {endpoint_name}",
        )
        self._allow_pull(role, container)
        self._allow_telemetry(role, endpoint_name)
        if hub_url is None:
            weights.grant_read_snapshot(role, snapshot)
        else:
            self._warn_of_the_hub(snapshot, hub_url)
        if network is not None:
            self._allow_network(role, network)
        if rollback_alarms:
            self._allow_rollback(role, rollback_alarms)
        model = sagemaker.CfnModel(
            self,
            "Model",
            execution_role_arn=role.role_arn,
            # Weights from S3 need no network in the container, no Hub and no token.
            enable_network_isolation=hub_url is None,
            vpc_config=_vpc_config(network),
            primary_container=sagemaker.CfnModel.ContainerDefinitionProperty(
                image=container.image_uri(self._stack.region),
                environment=container_environment(candidate, _hub_source(snapshot, hub_url)),
                model_data_source=None if hub_url else _staged(weights.snapshot_uri(snapshot)),
            ),
        )
        # Without its permissions the model is created and then fails to start.
        model.node.add_dependency(role)
        if after is not None:
            model.node.add_dependency(after)
        self.model_name = model.attr_model_name

    def _warn_of_the_hub(self, snapshot: LockedSnapshot, hub_url: str) -> None:
        what = (
            snapshot.name if snapshot.revision else f"{snapshot.repository}, at whatever commit it is then,"
        )
        Annotations.of(self).add_warning_v2(
            "adept:load-from-hub",
            f"load_from_hub: the container loads {what} from {hub_url} whenever an instance starts; while the Hub is "
            "out of reach none does. Nothing of it is staged or proved.",
        )

    def _allow_pull(self, role: iam.Role, container: Container) -> None:
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:BatchGetImage",
                    "ecr:GetDownloadUrlForLayer",
                ],
                resources=[
                    self._stack.format_arn(
                        service="ecr",
                        account=container.account(self._stack.region),
                        resource="repository",
                        resource_name=container.repository,
                    )
                ],
            )
        )
        role.add_to_policy(iam.PolicyStatement(actions=["ecr:GetAuthorizationToken"], resources=["*"]))
        acknowledge(
            role,
            {
                "AwsSolutions-IAM5[Resource::*]": (
                    "GetAuthorizationToken, PutMetricData and EC2's describing actions know no resource."
                )
            },
        )

    def _allow_rollback(self, role: iam.Role, alarms: Sequence[str]) -> None:
        """SageMaker reads the alarms of an update with the endpoint's execution role."""
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["cloudwatch:DescribeAlarms"],
                resources=[
                    self._stack.format_arn(
                        service="cloudwatch",
                        resource="alarm",
                        resource_name=name,
                        arn_format=ArnFormat.COLON_RESOURCE_NAME,
                    )
                    for name in alarms
                ],
            )
        )

    def _allow_telemetry(self, role: iam.Role, endpoint_name: str) -> None:
        group = self._stack.format_arn(
            service="logs",
            resource="log-group",
            resource_name=f"/aws/sagemaker/Endpoints/{endpoint_name}",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "logs:CreateLogGroup",
                    "logs:CreateLogStream",
                    "logs:DescribeLogStreams",
                    "logs:PutLogEvents",
                ],
                resources=[group, f"{group}:*"],
            )
        )
        acknowledge(
            role,
            {
                f"AwsSolutions-IAM5[Resource::{as_nag_prints(self._stack, group)}:*]": (
                    "The streams of this endpoint's own log group; SageMaker chooses their names."
                )
            },
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],
                conditions={
                    "StringEquals": {"cloudwatch:namespace": ["AWS/SageMaker", "/aws/sagemaker/Endpoints"]}
                },
            )
        )

    def _allow_network(self, role: iam.Role, network: Network) -> None:
        """What SageMaker needs to attach containers to a VPC (Developer Guide, "SageMaker AI Roles", CreateModel):
        interfaces in the given subnets and security groups, and in no others.
        """
        interfaces = self._ec2_arn("network-interface", "*", account=self._stack.account)
        # A shared subnet, and a shared security group, belong to another account.
        places = [
            *(self._ec2_arn("subnet", name, account="*") for name in network.subnet_ids),
            *(self._ec2_arn("security-group", name, account="*") for name in network.security_group_ids),
        ]
        for actions, resources in (
            (["ec2:CreateNetworkInterface"], [interfaces, *places]),
            (["ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface"], [interfaces]),
            (
                [
                    "ec2:DeleteNetworkInterfacePermission",
                    "ec2:DescribeDhcpOptions",
                    "ec2:DescribeNetworkInterfaces",
                    "ec2:DescribeSecurityGroups",
                    "ec2:DescribeSubnets",
                    "ec2:DescribeVpcs",
                ],
                ["*"],
            ),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=actions, resources=resources))
        acknowledge(
            role,
            {
                f"AwsSolutions-IAM5[Resource::{as_nag_prints(self._stack, arn)}]": (
                    "EC2 chooses the interfaces' ids; subnets and groups are named, whoever owns them."
                )
                for arn in (interfaces, *places)
            },
        )

    def _ec2_arn(self, resource: str, name: str, *, account: str) -> str:
        return self._stack.format_arn(service="ec2", account=account, resource=resource, resource_name=name)


def _hub_source(snapshot: LockedSnapshot, hub_url: str | None) -> HubSource | None:
    if hub_url is None:
        return None
    return HubSource(repository=snapshot.repository, revision=snapshot.revision, url=hub_url)


def _staged(s3_uri: str) -> sagemaker.CfnModel.ModelDataSourceProperty:
    return sagemaker.CfnModel.ModelDataSourceProperty(
        s3_data_source=sagemaker.CfnModel.S3DataSourceProperty(
            s3_uri=s3_uri, s3_data_type="S3Prefix", compression_type="None"
        )
    )


def _vpc_config(network: Network | None) -> sagemaker.CfnModel.VpcConfigProperty | None:
    if network is None:
        return None
    return sagemaker.CfnModel.VpcConfigProperty(
        subnets=list(network.subnet_ids), security_group_ids=list(network.security_group_ids)
    )
