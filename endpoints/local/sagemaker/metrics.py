"""The metrics that SageMaker publishes of an endpoint, per EndpointName and VariantName, into CloudWatch.

Old and new fleet of an update report under the same variant name, as on AWS; the invocation metrics are published
once more with EndpointConfigName, by which a single fleet can be told apart.
Names and units: "Amazon SageMaker AI metrics in Amazon CloudWatch" in the developer guide.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from endpoints.local.cloudwatch import CloudWatch, Datum, TimeScale
from endpoints.local.protocol import ServiceError
from endpoints.local.sagemaker.records import Endpoint, Variant
from endpoints.local.sagemaker.registry import Registry
from endpoints.local.sagemaker.routing import Target

_log = logging.getLogger(__name__)
INVOCATIONS = "AWS/SageMaker"
INSTANCES = "/aws/sagemaker/Endpoints"
_GPU = re.compile(r"ml\.(g|p)\d")
_HIGH_RESOLUTION_S = 10.0  # on AWS, how often ConcurrentRequestsPerModel is published
_STANDARD_S = 60.0  # on AWS, how often the metrics of instances are published
_SHORTEST_FLUSH_S = 0.05
_DIGITS = 3  # of latencies: enough for a percentile, and few enough distinct values

_Key = tuple[str, str, str, str, str | None, float]  # namespace, name, unit, endpoint/variant, config, value


@dataclass(frozen=True)
class Usage:
    """What the process that serves a variant takes of this machine, in per cent."""

    cpu: float
    memory: float
    disk: float


Usages = Callable[[], Mapping[str, Usage]]  # by `<endpoint>/<variant>`, as far as they are known


class MetricPublisher:
    """Gathers values as they happen, and publishes them in batches from one daemon thread."""

    def __init__(
        self,
        registry: Registry,
        cloudwatch: CloudWatch,
        time_scale: TimeScale,
        *,
        usages: Usages = dict,
    ) -> None:
        self._registry = registry
        self._cloudwatch = cloudwatch
        self._usages = usages
        self._flush_s = max(_SHORTEST_FLUSH_S, time_scale.wait_s(_HIGH_RESOLUTION_S))
        self._instances_s = max(_SHORTEST_FLUSH_S, time_scale.wait_s(_STANDARD_S))
        self._sample_s = self._flush_s / 10
        self._lock = threading.Lock()
        self._gathered: Counter[_Key] = Counter()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._publish, name="sagemaker metrics", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()

    @contextmanager
    def observe(self, target: Target, received_s: float) -> Iterator[None]:
        """Measure one invocation; `received_s` is when the request came (`time.perf_counter`)."""
        sent_s = time.perf_counter()
        try:
            yield
        except ServiceError as error:
            self._invocation(target, received_s, sent_s, int(error.members.get("OriginalStatusCode", 0)))
            raise
        self._invocation(target, received_s, sent_s, 200)

    def _invocation(self, target: Target, received_s: float, sent_s: float, status: int) -> None:
        latency_s = time.perf_counter() - sent_s
        values = (
            ("Invocations", "None", 1.0),
            ("InvocationsPerInstance", "None", 1.0 / max(1, target.instance_count)),
            ("Invocation4XXErrors", "None", float(400 <= status < 500)),
            ("Invocation5XXErrors", "None", float(status >= 500)),
            ("InvocationModelErrors", "None", float(not 200 <= status < 300)),
            ("ModelLatency", "Microseconds", _rounded(latency_s * 1e6)),
            ("OverheadLatency", "Microseconds", _rounded((sent_s - received_s) * 1e6)),
        )
        who = f"{target.endpoint_name}/{target.variant_name}"
        with self._lock:
            for name, unit, value in values:
                for config in (None, target.config_name):
                    self._gathered[(INVOCATIONS, name, unit, who, config, value)] += 1

    def _publish(self) -> None:
        flush_at_s = instances_at_s = time.monotonic()
        while not self._closing.wait(self._sample_s):
            try:
                self._sample_concurrency()
                if time.monotonic() >= instances_at_s:
                    instances_at_s = time.monotonic() + self._instances_s
                    self._sample_instances()
                if time.monotonic() >= flush_at_s:
                    flush_at_s = time.monotonic() + self._flush_s
                    self._flush()
            except Exception:  # noqa: BLE001 -- metrics must go on whatever one round met
                _log.exception("metrics were not published")

    def _sample_concurrency(self) -> None:
        """Requests in flight of each instance: the values that high-resolution scaling averages."""
        with self._registry.changed:
            samples = [
                (f"{endpoint.name}/{variant.name}", float(instance.requests_in_flight))
                for endpoint, variant in self._variants()
                for instance in variant.instances
            ]
        with self._lock:
            for who, value in samples:
                self._gathered[(INVOCATIONS, "ConcurrentRequestsPerModel", "None", who, None, value)] += 1

    def _sample_instances(self) -> None:
        """The local process' own usage stands for the instance's, and for its GPU's where it has one."""
        with self._registry.changed:
            running = {f"{e.name}/{v.name}": v.instance_type for e, v in self._variants() if v.instances}
        usages = self._usages()
        for who in running.keys() & usages.keys():
            self._gather_usage(who, usages[who], gpu=bool(_GPU.match(running[who])))

    def _gather_usage(self, who: str, usage: Usage, *, gpu: bool) -> None:
        values = {
            "CPUUtilization": usage.cpu,
            "MemoryUtilization": usage.memory,
            "DiskUtilization": usage.disk,
        }
        if gpu:
            values |= {"GPUUtilization": min(100.0, usage.cpu), "GPUMemoryUtilization": usage.memory}
        with self._lock:
            for name, value in values.items():
                self._gathered[(INSTANCES, name, "Percent", who, None, round(value, 2))] += 1

    def _variants(self) -> list[tuple[Endpoint, Variant]]:
        return [(e, v) for e in self._registry.endpoints.values() for v in e.variants()]

    def _flush(self) -> None:
        with self._lock:
            gathered, self._gathered = self._gathered, Counter()
        now_s = time.time()
        self._cloudwatch.put([_datum(key, count, now_s) for key, count in gathered.items()])


def _datum(key: _Key, count: int, now_s: float) -> Datum:
    namespace, name, unit, who, config, value = key
    endpoint, _, variant = who.partition("/")
    dimensions = {"EndpointName": endpoint, "VariantName": variant}
    if config is not None:
        dimensions["EndpointConfigName"] = config
    return Datum(namespace, name, dimensions, value, unit, now_s, float(count))


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
