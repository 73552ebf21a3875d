"""Tool calls that arrive in pieces: each call's id, type and name once, its arguments as they come."""

from __future__ import annotations

import json
from typing import Any

from lambdas.router.answers import bad_answer
from lambdas.router.api.answer_form import AnswerForm
from lambdas.router.api.chat_shapes import arguments_text, function_of
from lambdas.router.route_table import Engine


class _Call:
    __slots__ = ("arguments", "named")

    def __init__(self) -> None:
        self.named = False
        self.arguments: list[str] = []  # kept where only they tell whether the call is whole


class CallStream:
    """The calls of one answer so far. True once there is one."""

    def __init__(self, form: AnswerForm) -> None:
        self._form = form
        self._calls: dict[int, _Call] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def take(self, given: object) -> list[dict[str, Any]]:
        """The pieces for the caller. Raises `UpstreamError` for what is no piece of a call."""
        if given is None:
            return []
        pieces = [given] if isinstance(given, dict) else given  # TGI before 3.1 gave one, not a list
        if not isinstance(pieces, list):
            raise bad_answer("the stream's tool_calls are no list")
        return [self._piece(piece) for piece in pieces]

    def _piece(self, piece: object) -> dict[str, Any]:
        function = function_of(piece)
        index = piece.get("index", 0) if isinstance(piece, dict) else None
        if not isinstance(piece, dict) or not isinstance(index, int):
            raise bad_answer("the stream holds a tool call without an index")
        call = self._calls.get(index)
        arguments = arguments_text(function.get("arguments"))
        called: dict[str, Any] = {"arguments": arguments}
        new = {}
        if call is None:
            call = self._calls[index] = _Call()
            new = {"id": self._form.call_id(piece.get("id"), index), "type": "function"}
        if not call.named and isinstance(function.get("name"), str):
            call.named, called = True, {"name": function["name"], **called}
        if self._form.engine is Engine.TGI:
            call.arguments.append(arguments)
        return {"index": index, **new, "function": called}

    def close(self) -> list[dict[str, Any]] | None:
        """What is missing at the end of the calls, often nothing; None where a call is not whole or none came.

        TGI takes the call's own closing brace off the last token, and with it that of arguments without any field.
        """
        closing = []
        for index, call in self._calls.items():
            missing = _missing("".join(call.arguments))
            if missing is None:
                return None
            if missing:
                closing.append({"index": index, "function": {"arguments": missing}})
        return closing if self._calls else None


def _missing(arguments: str) -> str | None:
    """What makes the arguments a JSON object: nothing, or a brace; None where neither does."""
    for missing in ("", "}"):
        try:
            if isinstance(json.loads(arguments + missing), dict):
                return missing
        except (ValueError, RecursionError):
            continue
    return None
