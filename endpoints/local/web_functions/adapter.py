"""From a function to its running program, and from a call to its answer."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import httpx
from starlette.types import Receive

from endpoints.local.web_functions.answer import StreamedAnswer, while_there
from endpoints.local.web_functions.deployed import DeployedFunction, ProxyCall
from endpoints.local.web_functions.program import ProgramFailed, RunningProgram

IDLE_TIMEOUT_S: Final = 300.0
"""API Gateway's limit between two pieces of a streamed answer, on regional APIs."""

_CONNECT_TIMEOUT_S: Final = 5.0
_PATH_CHARS: Final = "/:@!$&'()*+,;=~"
_OF_THE_CONNECTION: Final = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})


class WebAdapter:
    """Keeps one program per function: started by the first call, replaced when the function changes or dies.

    On AWS each execution environment has one call at a time; here the one program has all of them. `folder` takes
    unpacked bundles, `log_dir` what the programs write.
    """

    def __init__(self, folder: Path, *, log_dir: Path) -> None:
        self._folder = folder
        self._log_dir = log_dir
        self._programs: dict[str, RunningProgram] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    async def answer(self, function: DeployedFunction, call: ProxyCall, receive: Receive) -> StreamedAnswer:
        """The beginning of the program's answer.

        Raises `ProgramFailed`, `TimeoutError`, `CallerLeftError`, or httpx's errors where the program hangs up.
        """
        if call.path.rstrip("/").lower() == function.restored_path:
            raise ForbiddenPathError(call.path)
        left_s = min(call.timeout_s, function.timeout_s)
        deadline_s = asyncio.get_running_loop().time() + left_s
        async with asyncio.timeout_at(deadline_s):
            program = await self._running(function)
            with ExitStack() as under_way:
                under_way.enter_context(program.answering())
                request = _request(program, function, call, ends_at_s=time.time() + left_s)
                response = await while_there(program.client.send(request, stream=True), receive)
                return StreamedAnswer(response, deadline_s, under_way.pop_all())

    def end_undeployed(self, is_deployed: Callable[[str], bool]) -> None:
        """End the programs of functions that are gone. `is_deployed` takes a function's ARN."""
        for arn in [arn for arn in self._programs if not is_deployed(arn)]:
            program = self._programs.pop(arn)
            self._retire(program, within_s=program.timeout_s)

    async def close(self) -> None:
        """End every program."""
        programs, self._programs = list(self._programs.values()), {}
        for task in self._leaving:
            task.cancel()  # it waits no longer and stops its program
        stopping = (program.stop() for program in programs)
        await asyncio.gather(*stopping, *self._leaving, return_exceptions=True)

    def kill(self) -> None:
        """End every program at once, where no event loop runs any more."""
        for program in self._programs.values():
            program.kill()
        self._programs.clear()

    async def _running(self, function: DeployedFunction) -> RunningProgram:
        async with self._locks.setdefault(function.arn, asyncio.Lock()):
            program = self._programs.get(function.arn)
            if program is not None and program.alive and program.release == function.release:
                return program
            if program is not None:
                self._retire(self._programs.pop(function.arn), within_s=program.timeout_s)
            self._programs[function.arn] = await RunningProgram.start(
                function, folder=self._folder, log_dir=self._log_dir
            )
            return self._programs[function.arn]

    def _retire(self, program: RunningProgram, *, within_s: float) -> None:
        """It answers what it has begun, while its successor starts."""
        task = asyncio.create_task(_stopped_when_idle(program, within_s))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)


async def _stopped_when_idle(program: RunningProgram, within_s: float) -> None:
    try:
        async with asyncio.timeout(within_s):
            await program.idle.wait()
    except TimeoutError:
        return  # Lambda ends it now
    finally:
        await program.stop()


class ForbiddenPathError(Exception):
    """A path of the adapter's own hooks: it answers 403 itself."""


def _request(
    program: RunningProgram, function: DeployedFunction, call: ProxyCall, *, ends_at_s: float
) -> httpx.Request:
    headers = {name: value for name, value in call.headers.items() if name not in _OF_THE_CONNECTION}
    headers["x-amzn-request-context"] = _as_header(call.context)
    headers["x-amzn-lambda-context"] = _as_header(_lambda_context(function, call, ends_at_s))
    query = urlencode(call.query, doseq=True)
    return program.client.build_request(
        call.method,
        # In one piece: a path that begins with two slashes must not be taken for another host.
        f"{program.url}{quote(call.path, safe=_PATH_CHARS)}" + (f"?{query}" if query else ""),
        headers=headers,
        content=call.body,
        timeout=httpx.Timeout(IDLE_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S),
    )


def _lambda_context(function: DeployedFunction, call: ProxyCall, ends_at_s: float) -> dict[str, Any]:
    """The members of the Rust runtime's Context, which the adapter sends on."""
    return {
        "request_id": call.context.get("requestId", ""),
        "deadline": int(ends_at_s * 1000),
        "invoked_function_arn": function.arn,
        "xray_trace_id": None,
        "client_context": None,
        "identity": None,
        "env_config": {
            "function_name": function.name,
            "memory": function.memory_mib,
            "version": "$LATEST",
            "log_stream": "",
            "log_group": "",
        },
    }


def _as_header(document: Mapping[str, Any]) -> str:
    return json.dumps(document)  # ASCII, so that any value can stand in a header


__all__ = ["ForbiddenPathError", "ProgramFailed", "WebAdapter"]
