"""Write endpoints/catalogue/containers.yaml from AWS's published images.

    python -m tools.lock_containers [--check]

To move to a new image: change the version below, run this, review the difference. `--check` writes nothing
and exits 1 when the committed file is not what this command would write.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

import yaml

from endpoints.adapters.container_images import PublishedImage, published_images
from endpoints.catalogue import Engine
from endpoints.catalogue.schema.containers import DEFAULT_DNS_SUFFIX
from endpoints.errors import AdeptError, CatalogueError

TARGET = Path(__file__).parents[1] / "endpoints" / "catalogue" / "containers.yaml"

IMAGES = {
    Engine.TGI: ("huggingface-llm", "3.3.6"),  # the last TGI that AWS published
    Engine.VLLM: ("huggingface-vllm", "0.29.0"),  # the newest that the pinned SageMaker SDK knows
}

HOST_AMIS = {12: "al2-ami-sagemaker-inference-gpu-3-1", 13: "al2023-ami-sagemaker-inference-gpu-4-1"}
"""CUDA major version of the image -> the inference AMI whose driver runs it. SageMaker does not pick it."""

HEADER = """\
# Written by `python -m tools.lock_containers` from sagemaker.core.image_uris. Not to be edited by hand.
# host_ami follows from the CUDA version in the tag; a mismatch leaves an endpoint in Creating, without logs.
"""


def host_ami(cuda: str) -> str:
    """The host AMI for an image's CUDA version `major.minor`. Raises CatalogueError for an unknown one."""
    try:
        return HOST_AMIS[int(cuda.partition(".")[0])]
    except KeyError:
        known = ", ".join(str(major) for major in HOST_AMIS)
        raise CatalogueError(f"no host AMI known for CUDA {cuda}", remedy=f"Known: CUDA {known}.") from None


def cuda_version(tag: str) -> str:
    """`12.4` from a tag that says `cu124`. Raises CatalogueError when the tag says nothing."""
    match = re.search(r"-cu(\d{2})(\d)\b", tag)
    if match is None:
        raise CatalogueError(f"no CUDA version in the image tag {tag!r}")
    return f"{match[1]}.{match[2]}"


def container_record(engine: Engine, version: str, images: tuple[PublishedImage, ...]) -> dict[str, Any]:
    """One entry of containers.yaml."""
    repositories_and_tags = {(image.repository, image.tag) for image in images}
    if len(repositories_and_tags) != 1:
        raise CatalogueError(
            f"{engine} {version} has different images per region: {sorted(repositories_and_tags)}"
        )
    repository, tag = repositories_and_tags.pop()
    cuda = cuda_version(tag)
    return {
        "engine": engine.value,
        "engine_version": version,
        "repository": repository,
        "tag": tag,
        "cuda": cuda,
        "host_ami": host_ami(cuda),
        "accounts": {image.region: image.account for image in images},
        "dns_suffixes": {
            image.region: image.dns_suffix for image in images if image.dns_suffix != DEFAULT_DNS_SUFFIX
        },
    }


def render() -> str:
    """The whole file, as it should be committed."""
    records = [
        container_record(engine, version, published_images(framework, version))
        for engine, (framework, version) in IMAGES.items()
    ]
    return HEADER + yaml.safe_dump({"containers": records}, sort_keys=False, width=110)


def main(arguments: list[str] | None = None) -> int:
    """Write the file, or check it. Exit code 1: it differs, or the images could not be found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="compare with the committed file, write nothing")
    check = parser.parse_args(arguments).check
    try:
        wanted = render()
    except AdeptError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return _checked(wanted) if check else _written(wanted)


def _checked(wanted: str) -> int:
    if TARGET.exists() and TARGET.read_text() == wanted:
        return 0
    print(f"{TARGET.name} is out of date: python -m tools.lock_containers", file=sys.stderr)
    return 1


def _written(wanted: str) -> int:
    TARGET.write_text(wanted)
    print(f"wrote {TARGET.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
