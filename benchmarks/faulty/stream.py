"""What an OpenAI client reads out of a stream. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Read:
    """`error`: the message of an error event, as OpenAI's clients raise it. `is_done`: the end marker came."""

    text: str
    error: str | None
    is_malformed: bool
    is_done: bool


def read(body: bytes) -> Read:
    """Reads until the first thing at which a client stops: the end marker, an error, or what is no JSON."""
    text = ""
    for event in body.replace(b"\r\n", b"\n").split(b"\n\n"):
        data = b"\n".join(line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:"))
        if data == b"[DONE]":
            return Read(text, None, is_malformed=False, is_done=True)
        if not data:
            continue
        try:
            document = json.loads(data)
        except ValueError:
            return Read(text, None, is_malformed=True, is_done=False)
        if isinstance(document, dict) and document.get("error"):
            return Read(text, json.dumps(document["error"]), is_malformed=False, is_done=False)
        text += _text_of(document)
    return Read(text, None, is_malformed=False, is_done=False)


def _text_of(document: object) -> str:
    """Of a chunk; what has none, like a last one with the usage, adds nothing."""
    try:
        content = document["choices"][0]["delta"]["content"]  # type: ignore[index]  # whatever was sent
    except (LookupError, TypeError):
        return ""
    return content if isinstance(content, str) else ""
