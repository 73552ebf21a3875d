"""Facts about GPU instances: hardware, memory, and dated prices by region."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from endpoints.catalogue.schema.base import InstanceType, NonEmpty, Positive, Record, Region
from endpoints.catalogue.schema.choices import PriceKind

MIB_PER_GIB = 1024


class Gpu(Record):
    """One card. `usable_gib` is what a process can allocate, where somebody measured it."""

    name: NonEmpty
    architecture: NonEmpty
    memory_gb_marketed: Positive
    memory_mib: Positive = Field(description="as nvidia-smi reports it")
    memory_source: NonEmpty
    usable_gib: Annotated[float, Field(gt=0)] | None
    usable_source: NonEmpty | None
    bandwidth_gb_per_s: Annotated[float, Field(gt=0)]
    fp16_dense_tflops: Annotated[float, Field(gt=0)]
    fp16_sparse_tflops: Annotated[float, Field(gt=0)] | None
    fp8_dense_tflops: Annotated[float, Field(gt=0)] | None
    compute_source: NonEmpty
    compute_warning: NonEmpty | None = None
    power_w: Positive
    nvlink: bool
    nvlink_gb_per_s: Positive | None = None
    pcie: NonEmpty


class Price(Record):
    """SageMaker real-time hosting, on demand, one instance. `usd_per_hour` is null without a source."""

    usd_per_hour: Annotated[float, Field(gt=0)] | None
    kind: PriceKind | None
    date: dt.date | None
    source: NonEmpty
    notes: tuple[NonEmpty, ...] = ()


class InstanceFacts(Record):
    """One SageMaker instance type."""

    instance_type: InstanceType
    family: NonEmpty
    gpu: Gpu
    gpu_count: Positive
    vcpu: Positive
    ram_gib: Positive
    local_nvme_gb: Positive
    size_source: NonEmpty
    pcie_source: NonEmpty
    sagemaker_over_ec2: Annotated[float, Field(gt=1)]
    prices: Mapping[Region, Price]
    ec2_usd_per_hour: Mapping[Region, Annotated[float, Field(gt=0)] | None]
    ec2_source: NonEmpty
    notes: tuple[NonEmpty, ...] = ()

    @property
    def gpu_memory_gib(self) -> float:
        """All cards together, as nvidia-smi reports them."""
        return self.gpu_count * self.gpu.memory_mib / MIB_PER_GIB
