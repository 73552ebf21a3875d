"""How long SageMaker should wait for a container: derived from the size of what it has to fetch and load. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from endpoints.catalogue import Candidate, Catalogue
from endpoints.errors import CatalogueError

SHORTEST_S, LONGEST_S = 60, 3600
"""What SageMaker accepts for both time-outs (API reference of ProductionVariant)."""

DOWNLOAD_MB_PER_S = 50.0
LOAD_MB_PER_S = 100.0
"""A tenth of what S3 and local NVMe usually give. A time-out that is too long delays the report of a failure;
one that is too short ends a start that was going well."""

FIXED_DOWNLOAD_S = 120
FIXED_START_S = 300  # image pull, kernels compiled or captured as CUDA graphs, first warm-up


@dataclass(frozen=True)
class StartTimeouts:
    """Seconds for `ModelDataDownloadTimeoutInSeconds` and `ContainerStartupHealthCheckTimeoutInSeconds`."""

    download_s: int
    health_check_s: int


def start_timeouts(weights_gb: float, *, by_container: bool = False) -> StartTimeouts:
    """For weights of so many decimal gigabytes on disk, within what SageMaker accepts.

    `by_container`: SageMaker downloads nothing; the container fetches the weights before it is healthy.
    """
    megabytes = weights_gb * 1000
    download_s = FIXED_DOWNLOAD_S + megabytes / DOWNLOAD_MB_PER_S
    start_s = FIXED_START_S + megabytes / LOAD_MB_PER_S
    return StartTimeouts(
        download_s=_clamped(download_s),
        health_check_s=_clamped(start_s + download_s if by_container else start_s),
    )


def weights_gb(catalogue: Catalogue, candidate: Candidate) -> float:
    """Size on disk of what the candidate loads. Raises `CatalogueError` when no source gives it."""
    weights = catalogue.model(candidate.weights_id)
    size = weights.download.gb if weights.download else weights.parameters.weights_gb_16bit
    if size is None:
        raise CatalogueError(
            f"the size of {candidate.weights_id} is not known",
            remedy="Give `download.gb` or `parameters.weights_gb_16bit` for it in models.yaml.",
        )
    return size


def _clamped(seconds: float) -> int:
    return max(SHORTEST_S, min(LONGEST_S, math.ceil(seconds)))
