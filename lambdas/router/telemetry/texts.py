"""Prompt and answer as they are logged where a use case wants that (`log_text`): redacted, and bounded.

In OpenTelemetry's shape: messages of parts, in the attributes `gen_ai.input.messages` and `gen_ai.output.messages`.
https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/gen-ai-spans.md
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from lambdas.router.telemetry.redaction import redacted
from lambdas.router.trace import Texts

MAX_LOGGED_CHARS = 8_000  # of a prompt, and of an answer; the rest is cut off
CUT = "[...]"
INPUT, OUTPUT = "gen_ai.input.messages", "gen_ai.output.messages"
Message = dict[str, Any]
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|([\"\\/bfnrt]))")
_WHITE = dict.fromkeys("bfnrt", " ")


def text_fields(texts: Texts) -> dict[str, list[Message]]:
    """The members that a log line gets. Takes any bytes: what cannot be read is logged as text."""
    return {INPUT: _bounded(_asked(texts.prompt)), OUTPUT: _bounded(_answered(texts.answer))}


def _asked(prompt: bytes) -> Iterator[Message]:
    document = _json(prompt)
    if not isinstance(document, dict):
        yield _message("user", [_text(_decoded(prompt))])
        return
    for message in _list(document.get("messages")):
        yield _message(str(message.get("role")), list(_parts(message)))
    for field in ("prompt", "inputs"):
        for text in _strings(document.get(field)):
            yield _message("user", [_text(text)])


def _answered(answer: bytes) -> Iterator[Message]:
    document = _json(answer)
    documents = [document] if isinstance(document, dict) else list(_events(answer))
    if not documents:
        if answer:
            yield _message("assistant", [_text(_decoded(answer))])
        return
    choices: dict[int, Message] = {}
    for each in documents:
        for choice in _list(each.get("choices")) or [_generation(each)]:
            index = choice.get("index")
            place = index if isinstance(index, int) else 0
            _add(choices.setdefault(place, _message("assistant", [])), choice)
    yield from choices.values()


def _add(message: Message, choice: dict[str, Any]) -> None:
    """A choice, or the next piece of one: its text goes to the text that is there."""
    said = choice.get("message") or choice.get("delta") or {"content": choice.get("text")}
    parts = message["parts"]
    for part in _parts(said) if isinstance(said, dict) else ():
        if parts and parts[-1]["type"] == part["type"] == "text":
            parts[-1]["content"] += part["content"]
        else:
            parts.append(part)
    if choice.get("finish_reason"):
        message["finish_reason"] = str(choice["finish_reason"])


def _generation(document: dict[str, Any]) -> dict[str, Any]:
    """TGI's own schema: an event's token, or a whole answer. The last event has the whole text once more."""
    token = document.get("token")
    text = token.get("text") if isinstance(token, dict) else document.get("generated_text")
    return {"text": text}


def _parts(message: dict[str, Any]) -> Iterator[Message]:
    content = message.get("content")
    for piece in content if isinstance(content, list) else [content]:
        if isinstance(piece, str):
            yield _text(piece)
        elif isinstance(piece, dict):
            yield _text(str(piece.get("text") or f"({piece.get('type')})"))
    for call in _list(message.get("tool_calls")):
        function = call.get("function")
        if isinstance(function, dict):
            arguments = str(function.get("arguments") or "")
            yield {"type": "tool_call", "name": function.get("name"), "content": arguments}


def _bounded(messages: Iterator[Message]) -> list[Message]:
    """Redacted first: what is cut in the middle has no shape any more. Each part's text is in `content`."""
    left, kept = MAX_LOGGED_CHARS, []
    for message in messages:
        if left <= 0:
            break
        for part in message["parts"]:
            content = redacted(part["content"])
            part["content"] = content if len(content) <= left else content[: max(0, left)] + CUT
            left -= len(content)
        kept.append(message)
    return kept


def _events(stream: bytes) -> Iterator[dict[str, Any]]:
    for line in stream.split(b"\n"):
        document = _json(line[5:]) if line.startswith(b"data:") else None
        if isinstance(document, dict):
            yield document


def _message(role: str, parts: list[Message]) -> Message:
    return {"role": role[:40], "parts": parts}


def _text(content: str) -> Message:
    return {"type": "text", "content": content}


def _list(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _strings(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, str)]


def _decoded(data: bytes) -> str:
    """What is no JSON, or only the beginning of it: without JSON's escapes, behind which redaction sees no shape."""
    return _ESCAPE.sub(_unescaped, data.decode("utf-8", "replace"))


def _unescaped(found: re.Match[str]) -> str:
    code, letter = found.groups()
    return chr(int(code, 16)) if code else _WHITE.get(letter, letter)


def _json(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None
