"""What became of a shadow request -> its log line, with metrics of its own: nothing of it counts for the request."""

from __future__ import annotations

import time
from typing import Any

from lambdas.router.asking.shadow import ShadowRecord
from lambdas.router.strict_json import dumps
from lambdas.router.telemetry.emf import CANDIDATE, OUTCOME, USE_CASE, Metric, directives, with_metrics
from lambdas.router.telemetry.request_line import PROVIDER, Place
from lambdas.router.trace import Texts

_DIMENSIONS = ((USE_CASE, CANDIDATE, OUTCOME),)


def shadow_line(record: ShadowRecord, place: Place, now_s: float | None = None) -> str:
    """The line, without its end; with the answer where the use case wants that. `now_s`: seconds since the epoch."""
    fields = {name: value for name, value in record._asdict().items() if value not in (None, "")}
    text = fields.pop("text", None)
    line: dict[str, Any] = {"level": "INFO", "event": "shadow", "environment": place.environment, **fields}
    line |= {
        "gen_ai.provider.name": PROVIDER,
        "gen_ai.request.model": record.use_case,
        "gen_ai.response.model": record.model_id,
        USE_CASE: record.use_case,
        CANDIDATE: record.role,
        OUTCOME: record.outcome,
        Metric.SHADOW_DURATION: round(record.latency_ms / 1000, 4),
    }
    metrics = [Metric.SHADOW_DURATION]
    if record.cost_usd is not None:
        line[Metric.SHADOW_COST] = line.pop("cost_usd")
        metrics.append(Metric.SHADOW_COST)
    if text is not None:
        from lambdas.router.telemetry.texts import OUTPUT, text_fields

        line[OUTPUT] = text_fields(Texts(b"", text))[OUTPUT]
    now_ms = int((time.time() if now_s is None else now_s) * 1000)
    return with_metrics(dumps(line), directives(place.environment, tuple(metrics), _DIMENSIONS), now_ms)
