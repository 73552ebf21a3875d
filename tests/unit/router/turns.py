"""What candidates do in the tests of a request's way: answers, faults, and a use case that asks again."""

from __future__ import annotations

from lambdas.router.failures import FaultSource, UpstreamError
from tests.unit.router.fake_upstream import play
from tests.unit.router.support import completion
from tests.unit.router.world import engine, service

GOOD = completion("good")
RETRIES = {"per_candidate": 2, "base_ms": 100, "cap_ms": 1_000}
HANGS = play(1000.0)
BROKEN, THROTTLED = engine(500, "gpu lost"), service("ThrottlingException", 400)
NOT_READY = service("ModelNotReadyException", 429)
RESET = UpstreamError(FaultSource.CONNECTION, "SageMaker hung up", code="ConnectionClosed")
TOO_LONG = engine(422, "`inputs` must have less than 3072 tokens. Given: 5000")
FILTERED = UpstreamError(
    FaultSource.ANSWER, "the content is declined", code="content_filter", from_engine=True
)


def again(**changes: object) -> dict[str, object]:
    return {"retries": RETRIES | changes}
