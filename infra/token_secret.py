"""The one Hugging Face token's secret: created empty; the value is put there by a person, never by a template."""

from __future__ import annotations

from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from endpoints.catalogue import Environment
from infra.nag import acknowledge
from infra.removal import removal_policy


class TokenSecret(Construct):
    """`secret` has no version until a token is stored in it."""

    def __init__(
        self, scope: Construct, construct_id: str, *, environment: Environment, key: kms.IKey
    ) -> None:
        super().__init__(scope, construct_id)
        self.secret = secretsmanager.Secret(
            self,
            "Secret",
            description=f"Hugging Face token of AdeptAI {environment.name}; gated models need it",
            encryption_key=key,
            removal_policy=removal_policy(environment),
        )
        # The L2 construct would have a random password generated, which could pass for a token.
        resource = self.secret.node.default_child
        assert isinstance(resource, secretsmanager.CfnSecret)  # noqa: S101 - narrows the L2's child
        resource.generate_secret_string = None
        acknowledge(
            self.secret,
            {
                "AwsSolutions-SMG4": "The Hub has no API that rotates a token; a person rotates it on the Hub's site."
            },
        )
