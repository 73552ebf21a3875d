"""Plays every case to every gateway, and judges what came of it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.faulty.caller import ask, request
from benchmarks.faulty.case import Case, Facts
from benchmarks.faulty.cases import WELL
from benchmarks.faulty.gateways.gateway import Gateway, Served
from benchmarks.faulty.judge import Finding, Verdict, judge
from benchmarks.faulty.upstream import Candidates, listening
from benchmarks.gateways.processes import START_LIMIT_S, say

_AT_ONCE = 2  # cases, each of one request to every gateway: two shared cores
_SETTLE_S = 0.3  # after the reply: what a gateway still asks then belongs to the request


@dataclass(frozen=True)
class Result:
    """A case, as one gateway took it. No facts: it cannot be put into that case."""

    case: Case
    gateway: str
    verdict: Verdict
    facts: Facts | None


async def compare(gateways: Sequence[Gateway], cases: Sequence[Case], folder: Path) -> list[Result]:
    """All results. Ends the program where a gateway does not answer although nothing is wrong."""
    async with listening() as candidates:
        with ExitStack() as stack:
            served: list[tuple[Gateway, Served]] = []
            for gateway in gateways:
                say(f"starting {gateway.name} {gateway.version()}")
                serving = gateway.serve([*WELL, *cases], candidates, folder)
                served.append((gateway, stack.enter_context(serving)))
            for gateway, its in served:
                await _wait_until_well(gateway, its, candidates, folder)
            return await _play_all(served, cases, candidates)


async def _wait_until_well(gateway: Gateway, served: Served, candidates: Candidates, folder: Path) -> None:
    loop = asyncio.get_running_loop()
    end_s = loop.time() + START_LIMIT_S
    for case in WELL:
        while (result := await _played(gateway, served, case, candidates)).verdict.finding is not Finding.OK:
            if loop.time() > end_s:
                logs = [
                    log.read_text(errors="replace")[-2000:] for log in folder.glob(f"{gateway.name}*.log")
                ]
                sys.exit(f"{gateway.name} does not answer: {result.verdict.why}\n" + "\n".join(logs))
            await asyncio.sleep(0.25)


async def _play_all(
    served: Sequence[tuple[Gateway, Served]], cases: Sequence[Case], candidates: Candidates
) -> list[Result]:
    free = asyncio.Semaphore(_AT_ONCE)
    done = 0

    async def play(case: Case) -> list[Result]:
        nonlocal done
        async with free:
            results = await asyncio.gather(*(_played(*each, case, candidates) for each in served))
        done += 1
        told = ", ".join(f"{each.gateway} {each.verdict.finding.value}" for each in results)
        say(f"{done} of {len(cases)}: {case.name}: {told}")
        return results

    return [result for results in await asyncio.gather(*(play(case) for case in cases)) for result in results]


async def _played(gateway: Gateway, served: Served, case: Case, candidates: Candidates) -> Result:
    if gateway.cannot(case):
        return Result(case, gateway.name, Verdict(Finding.NOT_APPLICABLE), None)
    candidates.play(gateway.name, gateway.wire, case)
    sent = request(served.model_of(case), served.headers_of(case), streamed=case.streamed)
    began_s = asyncio.get_running_loop().time()
    replies = [await ask(served.port_of(case), sent) for _ in range(case.requests)]
    await asyncio.sleep(_SETTLE_S)
    facts = Facts(replies, candidates.attempts(gateway.name, case, began_s))
    return Result(case, gateway.name, judge(case, facts), facts)
