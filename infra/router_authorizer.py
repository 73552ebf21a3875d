"""Who may call the API: an API key that travels as OpenAI's SDKs send it, or a signature of the account's own.

API Gateway reads keys in `x-api-key` alone. With `ApiKeySourceType.AUTHORIZER` it takes the key from the answer of a
Lambda authorizer instead, and everything else stays as it was: whose key it is, its usage plan, its limits.
docs/decisions/0009 says what that costs and why.
"""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

from endpoints.catalogue import RouterSettings
from infra.small_function import SmallFunction

_MEMORY_MIB = 256  # a share of a processor: at 128 MiB a cold start takes twice as long
_TIMEOUT_S = 5
_ACKNOWLEDGED = {
    "CKV_AWS_115": "The stage's throttle bounds the requests; a reserved share would starve or waste the account's.",
    "CKV_AWS_116": "API Gateway waits for its answer: there is nothing to queue.",
    "CKV_AWS_117": "It calls nothing, and nothing inside a network needs it.",
}


class KeyAuthorizer(Construct):
    """`authorizer` reads the caller's key from `Authorization: Bearer` or `x-api-key`.

    With `cache_s` API Gateway remembers an answer by the `Authorization` header, and asks nobody for a request without
    one: keys are then taken from there alone.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: RouterSettings, cache_s: int
    ) -> None:
        super().__init__(scope, construct_id)
        reader = SmallFunction(
            self,
            "Reader",
            folder="authorizer",
            settings=settings,
            memory_mib=_MEMORY_MIB,
            timeout_s=_TIMEOUT_S,
            acknowledged=_ACKNOWLEDGED,
        )
        self.authorizer = apigateway.RequestAuthorizer(
            self,
            "Authorizer",
            handler=reader.function,
            identity_sources=[apigateway.IdentitySource.header("Authorization")] if cache_s else [],
            results_cache_ttl=Duration.seconds(cache_s),
        )
        if not cache_s:
            _without_identity(self.authorizer)


def _without_identity(authorizer: apigateway.RequestAuthorizer) -> None:
    """The CDK writes no identity source as "", which API Gateway does not document; it documents leaving it out."""
    resource = authorizer.node.default_child
    assert isinstance(resource, apigateway.CfnAuthorizer)  # noqa: S101 - narrows the L2's child
    resource.identity_source = None
