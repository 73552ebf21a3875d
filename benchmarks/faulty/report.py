"""Results -> the table that people read and the document that programs read. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from benchmarks.faulty.case import Case, Facts
from benchmarks.faulty.gateways.gateway import Gateway
from benchmarks.faulty.judge import DEADLINE_S, Finding
from benchmarks.faulty.run import Result

_SHOWN = 600  # bytes of a body


def table(names: Sequence[str], results: Sequence[Result]) -> str:
    """A line for each case, with what each gateway did; at the end how many of them it stood."""
    found = {(each.case.name, each.gateway): each.verdict.finding.value for each in results}
    cases = list(dict.fromkeys(each.case.name for each in results))
    wide = max(len(name) for name in cases) + 2
    lines = [_line("fault", names, wide)]
    lines += [_line(case, [found[case, name] for name in names], wide) for case in cases]
    return "\n".join([*lines, "", _line("ok", [_score(results, name) for name in names], wide)])


def faults_of(gateway: str, results: Sequence[Result]) -> list[Result]:
    """The cases in which a gateway is not ok."""
    fine = (Finding.OK, Finding.NOT_APPLICABLE)
    return [each for each in results if each.gateway == gateway and each.verdict.finding not in fine]


def document(gateways: Sequence[Gateway], results: Sequence[Result]) -> dict[str, Any]:
    """Everything: versions, settings, verdicts and the facts that they rest on."""
    return {
        "deadline_s": DEADLINE_S,
        "gateways": {
            each.name: {
                "version": each.version(),
                "candidates_speak": each.wire.value,
                "settings": each.settings,
                "findings": Counter(r.verdict.finding.value for r in results if r.gateway == each.name),
            }
            for each in gateways
        },
        "cases": [
            _case(case, [each for each in results if each.case is case])
            for case in {id(each.case): each.case for each in results}.values()
        ],
    }


def _score(results: Sequence[Result], gateway: str) -> str:
    own = [each.verdict.finding for each in results if each.gateway == gateway]
    return f"{own.count(Finding.OK)} of {len(own) - own.count(Finding.NOT_APPLICABLE)}"


def _line(first: str, rest: Sequence[str], wide: int) -> str:
    return (f"{first:{wide}s}" + "".join(f"{each:16s}" for each in rest)).rstrip()


def _case(case: Case, results: Sequence[Result]) -> dict[str, Any]:
    return {
        "fault": case.fault,
        "streamed": case.streamed,
        "wants": case.wants.value,
        "gateways": {
            each.gateway: {
                "verdict": each.verdict.finding.value,
                "why": each.verdict.why,
                **({} if each.facts is None else _facts(each.facts)),
            }
            for each in results
        },
    }


def _facts(facts: Facts) -> dict[str, Any]:
    return {
        "replies": [
            {
                "status": each.status,
                "ended": each.ended.value,
                "took_s": each.took_s,
                "body": each.body[:_SHOWN].decode(errors="replace"),
            }
            for each in facts.replies
        ],
        "attempts": [{"role": each.role, "at_s": each.at_s} for each in facts.attempts],
    }
