"""The host's NVIDIA driver against the CUDA version of the container's image."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from endpoints.findings import Finding, Severity
from endpoints.preflight.planned import Plan, PlannedVariant

CHECK: Final = "host-ami"

CudaVersion = tuple[int, int]

AMI_CUDA: Final[dict[str, CudaVersion]] = {
    "al2-ami-sagemaker-inference-gpu-2": (12, 2),
    "al2-ami-sagemaker-inference-gpu-2-1": (12, 2),
    "al2-ami-sagemaker-inference-gpu-3-1": (12, 4),
    "al2023-ami-sagemaker-inference-gpu-4-1": (13, 0),
}
"""SageMaker API reference, ProductionVariant.InferenceAmiVersion; a contract test holds it to botocore's copy."""

_OLDEST_DEFAULT: Final[CudaVersion] = (11, 4)
_DEFAULT_CUDA: Final[dict[str, CudaVersion]] = {"g6": (12, 2), "p5": (12, 2)}
"""Hosts without an InferenceAmiVersion: SageMaker developer guide, "GPU driver upgrades", November 2026."""

_IN_TAG: Final = re.compile(r"-cu(?P<major>\d{2})(?P<minor>\d)(?:-|$)")


def host_ami(plan: Plan) -> Iterator[Finding]:
    """A host that is older than its image cannot start it: the endpoint stays in Creating, without a log."""
    for variant in plan.variants:
        if variant.model is not None:
            image = variant.model.image
            yield from _variant(variant, plan.tags.get(image, image))


def cuda_of_image(image: str) -> CudaVersion | None:
    """(12, 4) of a tag with `-cu124-`; None when the tag does not say."""
    match = _IN_TAG.search(image.rpartition(":")[2])
    return (int(match["major"]), int(match["minor"])) if match else None


def _variant(variant: PlannedVariant, image: str) -> Iterator[Finding]:
    wanted = cuda_of_image(image)
    if wanted is None:
        yield Finding(
            check=CHECK,
            severity=Severity.WARNING,
            where=variant.where,
            found=f"the image's tag does not name its CUDA version: {image.rpartition('/')[2]}",
            remedy="Look it up, and set the InferenceAmiVersion whose driver runs it.",
        )
    elif variant.host_ami is None:
        yield from _default_host(variant, wanted)
    else:
        yield from _named_host(variant, variant.host_ami, wanted)


def _default_host(variant: PlannedVariant, wanted: CudaVersion) -> Iterator[Finding]:
    for instance_type in variant.instance_types:
        family = instance_type.split(".")[1]
        has = _DEFAULT_CUDA.get(family, _OLDEST_DEFAULT)
        if has < wanted:
            yield _too_old(
                variant, f"no InferenceAmiVersion; the default host of {instance_type}", has, wanted
            )


def _named_host(variant: PlannedVariant, ami: str, wanted: CudaVersion) -> Iterator[Finding]:
    has = AMI_CUDA.get(ami)
    if has is None:
        yield Finding(
            check=CHECK,
            severity=Severity.BLOCKER,
            where=variant.where,
            found=f"{ami} is no GPU host that this program knows",
            expected=f"one of {', '.join(AMI_CUDA)}",
            remedy="Correct host_ami in endpoints/catalogue/containers.yaml (python -m tools.lock_containers).",
        )
    elif has < wanted:
        yield _too_old(variant, ami, has, wanted)


def _too_old(variant: PlannedVariant, host: str, has: CudaVersion, wanted: CudaVersion) -> Finding:
    return Finding(
        check=CHECK,
        severity=Severity.BLOCKER,
        where=variant.where,
        found=f"{host} has CUDA {_text(has)}; the image needs {_text(wanted)}",
        expected=_fitting(wanted),
        remedy=(
            "Correct host_ami in endpoints/catalogue/containers.yaml (python -m tools.lock_containers); "
            "otherwise the endpoint hangs in Creating and writes no log."
        ),
    )


def _fitting(wanted: CudaVersion) -> str:
    """The oldest host that runs it, or what there is."""
    newer = [ami for ami, has in AMI_CUDA.items() if has >= wanted]
    return newer[0] if newer else f"a host with CUDA {_text(wanted)}; none is published"


def _text(version: CudaVersion) -> str:
    return f"{version[0]}.{version[1]}"
