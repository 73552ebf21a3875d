"""What a request costs the router, part by part, beside what a part could have been made of.

    .venv/bin/python benchmarks/router_parts.py [--json]

CPU microseconds of this process per call, in interleaved rounds; imports in processes of their own. The core is
everything between a parsed request and a rendered answer, over a model that answers at once. It judges nothing: these
are the figures behind docs/decisions/0007 and docs/router-performance.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from functools import partial
from pathlib import Path

from awscrt.auth import AwsCredentialsProvider
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.eventstream import EventStreamBuffer

from benchmarks.gateways.subjects import ROUTER, router_environ
from benchmarks.gateways.upstream import EVENTS, WHOLE
from benchmarks.spread import Spread
from endpoints.local.protocol.eventstream import payload_part
from lambdas.router.api.answer_form import AnswerForm
from lambdas.router.api.chat_reader import ChatReader
from lambdas.router.aws.signing import Signer
from lambdas.router.eventstream import EventStreamDecoder
from lambdas.router.messages import Request
from lambdas.router.ports import Call
from lambdas.router.route_table import Engine
from lambdas.router.route_table_source import read_bundled
from lambdas.router.service import Router
from lambdas.router.telemetry.request_line import Place, request_line
from lambdas.router.trace import Trace

ROUNDS = 9
CALLS = 2000
IMPORT_ROUNDS = 7
_ANSWER = WHOLE[0].partition(b"\r\n\r\n")[2]
_KEY, _SECRET = "AKIDBENCHMARK", "benchmark"  # nothing checks them  # pragma: allowlist secret
_HOST = "runtime.sagemaker.us-east-1.amazonaws.com"
_TARGET = "/endpoints/adept-production-query-enhancement/invocations"
_IMPORTS = ("awscrt.auth", "botocore.auth", "botocore.eventstream", "boto3")


def main() -> int:
    parser = argparse.ArgumentParser(
        description="CPU per call of the router's parts, and of their alternatives."
    )
    parser.add_argument("--json", action="store_true", help="every figure, for programs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = {
            "us_per_call": _interleaved(_parts(Path(folder))),
            "ms_to_import": {name: _import_ms(name) for name in _IMPORTS},
        }
    if options.json:
        print(json.dumps({unit: {k: vars(v) for k, v in parts.items()} for unit, parts in figures.items()}))
        return 0
    for unit, parts in figures.items():
        print(f"\nCPU {unit.replace('_', ' ')}, median (least-most)")
        for name, spread in parts.items():
            print(f"  {name:46s}{spread}")
    return 0


class _Instant:
    """An upstream whose model has answered before it is asked."""

    async def invoke(self, call: Call, *, timeout_s: float) -> bytes:  # noqa: ARG002 - the protocol's
        return _ANSWER

    def stream(self, call: Call, **limits_s: float) -> AsyncGenerator[bytes, None]:
        raise AssertionError(f"no request here streams: {call}, {limits_s}")


def _parts(folder: Path) -> Mapping[str, Callable[[], object]]:
    """The name of a part, and one call of it."""
    body = ROUTER.request(0, stream=False).partition("\r\n\r\n")[2].encode()
    environ = router_environ(0, 0, folder)
    events, form = b"".join(EVENTS), AnswerForm("query-enhancement", "request-1", Engine.TGI)
    traces: list[Trace] = []
    router = Router(read_bundled(Path(environ["ROUTE_TABLE_PATH"])), _Instant(), observer=traces.append)
    request = Request(
        "POST", "/v1/chat/completions", {"content-type": "application/json"}, {}, body, "request-1"
    )
    loop = asyncio.new_event_loop()
    loop.run_until_complete(router.handle(request))
    line = partial(request_line, traces[0], Place("production", lambda: (_HOST, 443)))
    return {
        "sign, AWS's native signer (ours)": _native(body),
        "sign, botocore.auth": _botocore(body),
        "an event of a stream, our decoder": _own_events(),
        "an event of a stream, botocore.eventstream": _botocore_events(),
        "the text of 51 events, checked and rendered": lambda: ChatReader(form).feed(events),
        "the core, one whole chat request": lambda: loop.run_until_complete(router.handle(request)),
        "of which an empty turn of the loop": lambda: loop.run_until_complete(_nothing()),
        "the log line with its metrics": line,
    }


async def _nothing() -> None:
    """What `run_until_complete` costs by itself."""


def _native(body: bytes) -> Callable[[], object]:
    provider = AwsCredentialsProvider.new_static(_KEY, _SECRET)
    signer = Signer("us-east-1", "sagemaker", _HOST)
    return partial(signer.request, provider, _TARGET, [("content-type", "application/json")], body)


def _botocore(body: bytes) -> Callable[[], object]:
    auth = SigV4Auth(Credentials(_KEY, _SECRET), "sagemaker", "us-east-1")
    headers = {"host": _HOST, "content-type": "application/json"}
    url = f"https://{_HOST}{_TARGET}"
    return lambda: auth.add_auth(AWSRequest("POST", url, headers=dict(headers), data=body))


_EVENT = payload_part(b"data: " + b"x" * 200 + b"\n\n")


def _own_events() -> Callable[[], object]:
    decoder = EventStreamDecoder()
    return lambda: decoder.feed(_EVENT)[0][1]


def _botocore_events() -> Callable[[], object]:
    buffer = EventStreamBuffer()

    def once() -> list[object]:
        buffer.add_data(_EVENT)
        return [event.payload for event in buffer]

    return once


def _interleaved(parts: Mapping[str, Callable[[], object]]) -> dict[str, Spread]:
    samples: dict[str, list[float]] = {name: [] for name in parts}
    for number in range(1 + ROUNDS):
        for name, call in parts.items():
            began_s = time.process_time()
            for _ in range(CALLS):
                call()
            if number:  # the first warms up
                samples[name].append((time.process_time() - began_s) / CALLS * 1e6)
    return {name: Spread.of(values) for name, values in samples.items()}


def _import_ms(module: str) -> Spread:
    """CPU of a fresh interpreter that imports `module`, less one that imports nothing, in milliseconds."""
    pairs = [(_cpu_s(f"import {module}"), _cpu_s("pass")) for _ in range(1 + IMPORT_ROUNDS)]
    return Spread.of((full - empty) * 1000 for full, empty in pairs[1:])


def _cpu_s(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    sys.exit(main())
