"""What must hold for every answer. OpenAI's own types say what a completion is: nobody here wrote them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from lambdas.router.telemetry.request_line import Place, request_line
from lambdas.router.trace import Trace

_HEADER_NAME = re.compile(r"[a-z0-9-]+")
_STATUSES = {200, 204, 400, 404, 405, 413, 415, 429, 500, 502, 503, 504}
_EXTRAS = {"service_tier", "annotations", "audio", "function_call", "moderation"}
"""What OpenAI has and these engines have not: the router passes on what an engine adds, as it is."""
_LONE = re.compile(r"\\ud[89a-f][0-9a-f]{2}")

_TYPES = {
    "chat.completion": ChatCompletion,
    "chat.completion.chunk": ChatCompletionChunk,
    "text_completion": Completion,
}


_PLACE = Place("test", lambda: ("sagemaker.invalid", 443))


class Violated(AssertionError):
    """Something that must hold does not."""


def require(condition: object, what: str) -> None:
    if not condition:
        raise Violated(what)


def check_told(told: list[Trace], trace: Trace) -> None:
    """The end of a request was told once, and can be logged. Raises Violated."""
    require(told == [trace], f"{len(told)} ends were told")
    strict(json.dumps(request_line(trace, _PLACE)))


def check_answer(status: int, headers: Mapping[str, str], body: bytes) -> None:
    """A whole answer: OpenAI's error, OpenAI's answer, or TGI's; never a fault of the router. Raises Violated."""
    require(status in _STATUSES, f"status {status}")
    require(status != 500, f"the router failed: {body[:300]!r}")
    for name, value in headers.items():
        require(_HEADER_NAME.fullmatch(name), f"header {name!r}")
        require(not any(char < " " for char in value), f"header {name} holds {value!r}")
    if not body:
        return
    if headers["content-type"].startswith("text/event-stream"):
        check_stream(body)
        return
    document = strict(body)
    if status >= 400:
        check_error(document)
    elif isinstance(document, dict) and document.get("object") in _TYPES:
        _check_shape(document)


def check_error(document: Any) -> None:
    """OpenAI's error object, and nothing else. Raises Violated."""
    require(isinstance(document, dict) and set(document) == {"error"}, f"no error object: {document!r:.200}")
    error = document["error"]
    require(set(error) == {"message", "type", "param", "code"}, f"members {sorted(error)}")
    require(isinstance(error["message"], str) and error["message"], "no message")
    require(isinstance(error["type"], str) and error["type"], "no type")
    for name in ("param", "code"):
        require(error[name] is None or isinstance(error[name], str), f"{name} is {error[name]!r:.60}")


def check_stream(body: bytes) -> None:
    """Events; whole, or with an error as the last one. Raises Violated."""
    events = body.decode().split("\n\n")
    require(events.pop() == "", "the last event is not ended")
    for at, event in enumerate(events):
        lines = event.split("\n")
        require(all(line.startswith("data: ") for line in lines), f"no data: {event!r:.200}")
        data = "\n".join(line[6:] for line in lines)
        is_last = at == len(events) - 1
        if data == "[DONE]":
            require(is_last, "something follows the end marker")
            continue
        document = strict(data)
        require(isinstance(document, dict), f"an event that is no object: {data!r:.200}")
        if document.get("error") is not None and "choices" not in document:
            require(is_last, "something follows an error")
            check_error(document)
            require(
                "the router failed" not in document["error"]["message"], "a fault of the router in a stream"
            )
        elif document.get("object") in _TYPES:
            _check_shape(_ended(document))


def _ended(document: dict[str, Any]) -> dict[str, Any]:
    """OpenAI's own text completions have chunks without a finish_reason, for which its type has no room."""
    if document["object"] != "text_completion":
        return document
    choices = [{**each, "finish_reason": each["finish_reason"] or "stop"} for each in document["choices"]]
    return {**document, "choices": choices}


def strict(raw: bytes | str) -> Any:
    """JSON as the standard has it. Raises Violated."""

    def refuse(name: str) -> None:
        raise Violated(f"{name} in JSON")

    try:
        return json.loads(raw, parse_constant=refuse)
    except ValueError as error:
        raise Violated(f"not JSON: {raw[:200]!r}") from error


def _readable(document: dict[str, Any]) -> dict[str, Any]:
    """Half characters, which are valid JSON, are more than OpenAI's types can take."""
    readable: dict[str, Any] = json.loads(_LONE.sub("?", json.dumps(document)))
    return readable


def _check_shape(document: dict[str, Any]) -> None:
    ours = {name: value for name, value in _readable(document).items() if name not in _EXTRAS}
    if document["object"] != "text_completion":
        for choice in ours["choices"]:
            said = choice.get("delta" if "chunk" in document["object"] else "message") or {}
            for name in _EXTRAS & said.keys():
                del said[name]
    try:
        _TYPES[document["object"]].model_validate(ours)
    except ValueError as error:
        raise Violated(f"not OpenAI's shape: {error!s:.500}: {document!r:.800}") from error
