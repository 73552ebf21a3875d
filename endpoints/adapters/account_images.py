"""Does a registry have an image? Asked as a pull asks: AWS's own registries let others do no more than that."""

from __future__ import annotations

import re
from typing import Any, Final

from botocore.exceptions import ClientError

from endpoints.adapters.account_clients import Account
from endpoints.adapters.aws_errors import aws_errors, error_code
from endpoints.errors import RemoteError

_URI: Final = re.compile(
    r"(?P<registry>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.[a-z0-9.-]+/(?P<repository>[^:@]+):(?P<tag>.+)"
)
_MANIFESTS: Final = [
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
]


def image_exists(account: Account, image: str) -> bool:
    """True when the registry of the image's own account and region has its tag.

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
                return False
            raise
    return bool(answer["images"])


def _ask(account: Account, parts: re.Match[str]) -> dict[str, Any]:
    return dict(
        account.client("ecr").batch_get_image(
            registryId=parts["registry"],
            repositoryName=parts["repository"],
            imageIds=[{"imageTag": parts["tag"]}],
            acceptedMediaTypes=_MANIFESTS,
        )
    )
