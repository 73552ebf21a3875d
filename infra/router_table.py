"""The route table's place: one object in a bucket of its own, which the router reads again and again.

A deploy puts the catalogue's table there; an operator may put another, and no code is deployed. S3 rather than a
parameter of Systems Manager: a parameter holds 8 KB, a table of twenty use cases does not fit; S3 answers an unchanged
ETag with 304, and every version stays readable. docs/decisions/0010 has the whole comparison.
"""

from __future__ import annotations

from pathlib import Path

from aws_cdk import CustomResource, Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from endpoints.catalogue import Environment
from infra.nag import acknowledge, acknowledge_checkov
from infra.removal import removal_policy
from infra.small_function import SmallFunction

KEY = "route_table.json"
_WRITER_MEMORY_MIB = 256
_WRITER_TIMEOUT_S = 60
_OLD_VERSIONS = Duration.days(90)
_ACKNOWLEDGED = {
    "CKV_AWS_115": "CloudFormation calls it once per deploy.",
    "CKV_AWS_116": "CloudFormation waits for its answer: there is nothing to queue.",
    "CKV_AWS_117": "It reaches S3's public API with its role, and nothing inside a network.",
}


class RouteTableObject(Construct):
    """`url` is `s3://bucket/key` of the table; `rendered` is the file that a deploy puts there, from `deployed_url`."""

    def __init__(
        self, scope: Construct, construct_id: str, *, environment: Environment, rendered: Path
    ) -> None:
        super().__init__(scope, construct_id)
        self.bucket = self._bucket(environment)
        self.url = self.bucket.s3_url_for_object(KEY)
        source = assets.Asset(self, "Rendered", path=str(rendered))
        self.deployed_url = source.s3_object_url
        writer = self._writer(environment, source)
        resource = CustomResource(
            self,
            "Object",
            resource_type="Custom::AdeptRouteTable",
            service_token=writer.function.function_arn,
            service_timeout=Duration.seconds(_WRITER_TIMEOUT_S * 2),
            # CloudFormation then asks nobody to delete it, and the table stays with its bucket.
            removal_policy=removal_policy(environment),
            properties={
                "Bucket": self.bucket.bucket_name,
                "Key": KEY,
                "SourceBucket": source.s3_bucket_name,
                "SourceKey": source.s3_object_key,
            },
        )
        resource.node.add_dependency(writer.role)

    def grant_read(self, grantee: iam.IGrantable) -> None:
        """Let `grantee` read the table and no other object."""
        grantee.grant_principal.add_to_principal_policy(
            iam.PolicyStatement(actions=["s3:GetObject"], resources=[self.bucket.arn_for_objects(KEY)])
        )

    def _bucket(self, environment: Environment) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            versioned=True,  # who put a bad table there finds the last good one
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="old-tables",
                    noncurrent_version_expiration=_OLD_VERSIONS,
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                )
            ],
            removal_policy=removal_policy(environment),
        )
        read_by_the_router = (
            "One object that the router polls: the log would be polls. CloudTrail has who writes."
        )
        acknowledge_checkov(bucket, {"CKV_AWS_18": read_by_the_router})
        acknowledge(bucket, {"AwsSolutions-S1": read_by_the_router})
        return bucket

    def _writer(self, environment: Environment, source: assets.Asset) -> SmallFunction:
        writer = SmallFunction(
            self,
            "Writer",
            folder="route_table",
            settings=environment.router,
            memory_mib=_WRITER_MEMORY_MIB,
            timeout_s=_WRITER_TIMEOUT_S,
            acknowledged=_ACKNOWLEDGED,
        )
        for statement in (
            iam.PolicyStatement(
                actions=["s3:GetObject"], resources=[source.bucket.arn_for_objects(source.s3_object_key)]
            ),
            iam.PolicyStatement(
                actions=["s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"],
                resources=[self.bucket.arn_for_objects(KEY)],
            ),
            iam.PolicyStatement(actions=["s3:ListBucketVersions"], resources=[self.bucket.bucket_arn]),
        ):
            writer.role.add_to_policy(statement)
        return writer
