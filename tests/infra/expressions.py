"""Evaluates CloudWatch metric math on plain numbers, as far as this project's expressions go."""

from __future__ import annotations

from collections.abc import Mapping

Value = float | None


def evaluate(expression: str, values: Mapping[str, Value], *, period_s: int = 60) -> float:
    """`expression` at one moment; None is a missing datapoint, which only FILL may touch."""
    functions = {"IF": _if, "FILL": _fill, "PERIOD": lambda _: period_s}
    code = compile(expression, "<metric math>", "eval")
    result = eval(code, {"__builtins__": {}}, {**functions, **values})  # noqa: S307 - our own expressions
    return float(result)


def _if(condition: bool, then: float, otherwise: float) -> float:
    return then if condition else otherwise


def _fill(value: Value, default: float) -> float:
    return default if value is None else value
