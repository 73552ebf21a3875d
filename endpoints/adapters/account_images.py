"""Does a registry have an image, and what is it? Asked as a pull asks: AWS's own registries let others do no more."""

from __future__ import annotations

import re
from typing import Any, Final

from botocore.exceptions import ClientError

from endpoints.adapters.account_clients import Account
from endpoints.adapters.aws_errors import aws_errors, error_code
from endpoints.errors import RemoteError

_URI: Final = re.compile(
    r"(?P<registry>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.[a-z0-9.-]+/(?P<repository>[^:@]+)"
    r"(?::(?P<tag>[^@]+)|@(?P<digest>sha256:[0-9a-f]{64}))"
)
_MANIFESTS: Final = [
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
]


def image_digest(account: Account, image: str) -> str | None:
    """`sha256:…` of what the registry of the image's own account and region has behind its tag; None when it has none.

    Raises `RemoteError` when it cannot be asked: another kind of URI, no permission, no network.
    """
    parts = _URI.fullmatch(image)
    if parts is None:
        raise RemoteError(f"{image} is not the URI of an image in Amazon ECR")
    with aws_errors(f"look for the image {parts['repository']}", endpoint_url=account.endpoint_url):
        try:
            answer = _ask(account, parts)
        except ClientError as error:
            if error_code(error) == "RepositoryNotFoundException":
                return None
            raise
    return next((str(found["imageId"]["imageDigest"]) for found in answer["images"]), None)


def _ask(account: Account, parts: re.Match[str]) -> dict[str, Any]:
    wanted = {"imageDigest": parts["digest"]} if parts["digest"] else {"imageTag": parts["tag"]}
    return dict(
        account.client("ecr").batch_get_image(
            registryId=parts["registry"],
            repositoryName=parts["repository"],
            imageIds=[wanted],
            acceptedMediaTypes=_MANIFESTS,
        )
    )
