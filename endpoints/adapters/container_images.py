"""AWS's published inference images, from the SageMaker SDK, which takes seconds to import: not at synth."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass

from endpoints.errors import RemoteError

_URI = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.(?P<suffix>[a-z0-9.-]+?)"
    r"/(?P<repository>[^:]+):(?P<tag>.+)"
)
_ANY_GPU_INSTANCE = "ml.g5.xlarge"  # the tag depends on GPU or CPU only


@dataclass(frozen=True)
class PublishedImage:
    """One image URI, taken apart."""

    account: str
    region: str
    dns_suffix: str
    repository: str
    tag: str


def published_images(framework: str, version: str) -> tuple[PublishedImage, ...]:
    """The GPU inference image of `framework`, `huggingface-llm` for one, in every region that has it.

    Raises RemoteError when the installed SDK does not know the framework or the version.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the SDK's own deprecations are not the caller's business
        from sagemaker.core import image_uris

        try:
            regions = image_uris.config_for_framework(framework)["inference"]["versions"][version][
                "registries"
            ]
        except (KeyError, OSError) as error:
            raise RemoteError(
                f"the SageMaker SDK knows no {framework} image of version {version!r}",
                remedy=f"See sagemaker.core.image_uris.list_versions({framework!r}).",
            ) from error
        uris = [
            image_uris.retrieve(
                framework=framework,
                region=region,
                version=version,
                instance_type=_ANY_GPU_INSTANCE,
                image_scope="inference",
            )
            for region in sorted(regions)
        ]
    return tuple(_taken_apart(uri) for uri in uris)


def _taken_apart(uri: str) -> PublishedImage:
    match = _URI.fullmatch(uri)
    if match is None:
        raise RemoteError(f"the SageMaker SDK gave an image URI of an unknown form: {uri}")
    parts = match.groupdict()
    return PublishedImage(
        account=parts["account"],
        region=parts["region"],
        dns_suffix=parts["suffix"],
        repository=parts["repository"],
        tag=parts["tag"],
    )
