"""The edge towards SageMaker on an event loop of its own, for tests that are not asynchronous."""

from __future__ import annotations

import asyncio
from typing import Self

from lambdas.router.ports import Call
from lambdas.router.sagemaker import SageMakerUpstream


class Edge:
    """A context. One loop for all calls, as in the Lambda function, because connections belong to their loop."""

    def __init__(self) -> None:
        self.upstream = SageMakerUpstream()
        self.upstream.prepare()
        self.runner = asyncio.Runner()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.upstream.close()
        self.runner.close()

    def ask(self, call: Call, *, budget_s: float) -> bytes:
        """The whole answer, a streamed one's pieces joined. Raises UpstreamError."""
        if not call.stream:
            return self.runner.run(self.upstream.invoke(call, timeout_s=budget_s))
        return b"".join(self.pieces(call, first_s=budget_s, idle_s=budget_s, total_s=budget_s))

    def pieces(self, call: Call, *, first_s: float = 5, idle_s: float = 5, total_s: float = 5) -> list[bytes]:
        """The pieces of a streamed answer, as they came. Raises UpstreamError."""

        async def read() -> list[bytes]:
            stream = self.upstream.stream(call, first_s=first_s, idle_s=idle_s, total_s=total_s)
            try:
                return [piece async for piece in stream]
            finally:
                await stream.aclose()

        return self.runner.run(read())
