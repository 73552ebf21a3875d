"""The account's own copy of the model weights, under `<repository>/<commit sha>/`."""

from __future__ import annotations

from typing import cast

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from endpoints.catalogue import Environment
from endpoints.locks import LockedSnapshot
from infra.nag import acknowledge, acknowledge_checkov
from infra.removal import removal_policy

MANIFESTS, STAGING = "_manifests", "_staging"
"""What makes a snapshot usable, and the work in progress of the stager."""

# How long a stage that failed or was killed can be taken up again: its parts cost what stored bytes cost.
_RESUMABLE_DAYS = 7


class WeightsBucket(Construct):
    """A private, encrypted bucket; `grant_read_snapshot` opens one model's snapshot, not the bucket."""

    def __init__(
        self, scope: Construct, construct_id: str, *, environment: Environment, key: kms.IKey
    ) -> None:
        super().__init__(scope, construct_id)
        self.key = key
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            server_access_logs_bucket=self._access_logs(environment),
            server_access_logs_prefix="weights/",
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="abort-unfinished-uploads",
                    abort_incomplete_multipart_upload_after=Duration.days(_RESUMABLE_DAYS),
                ),
                s3.LifecycleRule(
                    id="forget-unfinished-stages",
                    prefix=f"{STAGING}/",
                    expiration=Duration.days(_RESUMABLE_DAYS),
                ),
            ],
            removal_policy=removal_policy(environment),
        )
        acknowledge_checkov(
            self.bucket,
            {"CKV_AWS_21": "A snapshot lies under its commit and never changes; old versions only cost."},
        )

    def snapshot_uri(self, snapshot: LockedSnapshot) -> str:
        """`s3://bucket/<repository>/<commit sha>/`."""
        return self.bucket.s3_url_for_object(f"{snapshot.key}/")

    def grant_read_snapshot(self, grantee: iam.Role, snapshot: LockedSnapshot) -> None:
        """Let `grantee` list and read the objects of one snapshot, and decrypt them."""
        prefix = snapshot.key
        for statement in (
            iam.PolicyStatement(
                actions=["s3:GetObject"], resources=[self.bucket.arn_for_objects(f"{prefix}/*")]
            ),
            iam.PolicyStatement(
                actions=["s3:ListBucket"],
                resources=[self.bucket.bucket_arn],
                conditions={"StringLike": {"s3:prefix": [f"{prefix}/*"]}},
            ),
            self._key_for_objects(["kms:Decrypt"]),
        ):
            grantee.add_to_policy(statement)
        acknowledge(
            grantee,
            {
                f"AwsSolutions-IAM5[Resource::{self._exported_arn()}/{prefix}/*]": (
                    "The files of one pinned snapshot of one model."
                )
            },
        )

    def grant_stage(self, grantee: iam.Role) -> None:
        """Let `grantee` write snapshots, their manifests and the stager's work in progress."""
        objects = self.bucket.arn_for_objects("*")
        for statement in (
            iam.PolicyStatement(
                actions=[
                    "s3:AbortMultipartUpload",
                    "s3:DeleteObject",
                    "s3:GetObject",
                    "s3:ListMultipartUploadParts",
                    "s3:PutObject",
                ],
                resources=[objects],
            ),
            iam.PolicyStatement(
                actions=["s3:ListBucket", "s3:ListBucketMultipartUploads"],
                resources=[self.bucket.bucket_arn],
            ),
            self._key_for_objects(["kms:Decrypt", "kms:GenerateDataKey"]),
        ):
            grantee.add_to_policy(statement)
        self._acknowledge_objects(
            grantee, "*", "It writes every snapshot; repositories are data, not templates."
        )

    def grant_read_manifests(self, grantee: iam.Role) -> None:
        """Let `grantee` read which snapshots are usable; a missing manifest is told from a forbidden one."""
        grantee.add_to_policy(
            iam.PolicyStatement(
                actions=["s3:GetObject"], resources=[self.bucket.arn_for_objects(f"{MANIFESTS}/*")]
            )
        )
        grantee.add_to_policy(
            iam.PolicyStatement(
                actions=["s3:ListBucket"],
                resources=[self.bucket.bucket_arn],
            )
        )
        grantee.add_to_policy(self._key_for_objects(["kms:Decrypt"]))
        self._acknowledge_objects(grantee, f"{MANIFESTS}/*", "The manifests, one per snapshot.")

    def grant_read_staging_lists(self, grantee: iam.Role) -> None:
        """Let `grantee` read the lists of what is left to copy and to prove."""
        grantee.add_to_policy(
            iam.PolicyStatement(
                actions=["s3:GetObject"], resources=[self.bucket.arn_for_objects(f"{STAGING}/*")]
            )
        )
        self._acknowledge_objects(grantee, f"{STAGING}/*", "The lists of the stager's own maps.")

    def _key_for_objects(self, actions: list[str]) -> iam.PolicyStatement:
        # The same key protects the token: it may be used for what lies in S3 and nothing else.
        return iam.PolicyStatement(
            actions=actions,
            resources=[self.key.key_arn],
            conditions={"StringEquals": {"kms:ViaService": f"s3.{Stack.of(self).region}.amazonaws.com"}},
        )

    def _acknowledge_objects(self, grantee: iam.Role, keys: str, reason: str) -> None:
        bucket = Stack.of(self).get_logical_id(cast("s3.CfnBucket", self.bucket.node.default_child))
        acknowledge(grantee, {f"AwsSolutions-IAM5[Resource::<{bucket}.Arn>/{keys}]": reason})

    def _exported_arn(self) -> str:
        """The name under which other stacks import the bucket's ARN."""
        stack = Stack.of(self)
        return str(stack.resolve(stack.export_value(self.bucket.bucket_arn))["Fn::ImportValue"])

    def _access_logs(self, environment: Environment) -> s3.Bucket:
        logs = s3.Bucket(
            self,
            "AccessLogs",
            encryption=s3.BucketEncryption.S3_MANAGED,  # log delivery cannot write under a customer's key
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            lifecycle_rules=[s3.LifecycleRule(id="expire", expiration=Duration.days(90))],
            removal_policy=removal_policy(environment),
        )
        acknowledge_checkov(
            logs,
            {
                "CKV_AWS_18": "It holds the access logs; logging it into itself would never end.",
                "CKV_AWS_21": "Log objects are written once and expire.",
            },
        )
        acknowledge(
            logs, {"AwsSolutions-S1": "It holds the access logs; logging it into itself would never end."}
        )
        return logs
