"""What every use case shares: an empty secret, an encrypted private bucket, a topic alarms can publish to."""

from __future__ import annotations

import json

from endpoints.catalogue import load_catalogue
from tests.infra.conftest import Template, only, resources, templates


def _template(environment: str) -> Template:
    return templates(environment)[f"adept-{environment}-foundation"]


def test_the_tokens_secret_is_created_without_a_value(environment: str) -> None:
    secret = only(_template(environment), "AWS::SecretsManager::Secret")

    assert "SecretString" not in secret
    assert "GenerateSecretString" not in secret
    assert "KmsKeyId" in secret


def test_buckets_are_private_encrypted_and_refuse_plain_http(environment: str) -> None:
    template = _template(environment)

    buckets = resources(template, "AWS::S3::Bucket")
    assert len(buckets) == 2
    for bucket in buckets.values():
        assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["Properties"]["BucketEncryption"]
    policies = [json.dumps(policy) for policy in resources(template, "AWS::S3::BucketPolicy").values()]
    assert len(policies) == 2
    assert all("aws:SecureTransport" in policy for policy in policies)


def test_what_holds_data_outlives_its_stack_exactly_where_the_environment_says_so(environment: str) -> None:
    template = _template(environment)
    expected = "Retain" if load_catalogue().environment(environment).retain_data else "Delete"

    for resource_type in ("AWS::S3::Bucket", "AWS::SecretsManager::Secret", "AWS::KMS::Key"):
        for resource in resources(template, resource_type).values():
            assert resource["DeletionPolicy"] == expected


def test_alarms_of_this_account_may_publish_to_the_topic_and_encrypt_under_its_key(environment: str) -> None:
    template = _template(environment)
    assert only(template, "AWS::SNS::Topic")["KmsMasterKeyId"]

    allowed = {
        "topic": only(template, "AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"],
        "key": only(template, "AWS::KMS::Key")["KeyPolicy"]["Statement"],
    }
    for_alarms = {
        what: [s for s in statements if s["Principal"] == {"Service": "cloudwatch.amazonaws.com"}]
        for what, statements in allowed.items()
    }
    assert [s["Action"] for s in for_alarms["topic"]] == ["sns:Publish"]
    assert [s["Action"] for s in for_alarms["key"]] == [["kms:Decrypt", "kms:GenerateDataKey"]]
    for (statement,) in for_alarms.values():
        assert statement["Effect"] == "Allow"
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
