"""The messages of a chat request: check them, and render them for an engine.

TGI 3.3 (router/src/lib.rs, `MessageBody`) reads a message as content *or* as tool calls and prefers content, so a
message with both would lose its calls there: it gets the calls alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lambdas.router.errors import ApiError, bad_request
from lambdas.router.route_table import Candidate, Engine

Message = dict[str, Any]

_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_TEXT_PARTS = {"text": "text", "refusal": "refusal"}  # type of a part -> where its text is
_OTHER_PARTS = ("image_url", "input_image", "input_audio", "audio", "file", "video_url", "audio_url")


def given_messages(body: Mapping[str, Any]) -> list[Message]:
    """The messages, not looked into. Raises a 400 `ApiError` unless they are objects in a list that is not empty."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise bad_request("messages must be a list with at least one message.", param="messages")
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            raise _fault(index, "", "must be an object with role and content")
    return messages


def parse_messages(messages: list[Message], most: int) -> list[Message]:
    """The messages as they are sent on. Raises a 400 `ApiError` that names the one which is wrong."""
    if len(messages) > most:
        raise bad_request(
            f"messages has {len(messages)} entries; at most {most} are taken.", param="messages"
        )
    return [_message(message, index) for index, message in enumerate(messages)]


def texts_of(messages: Sequence[Message]) -> list[str]:
    """Every text that the model reads."""
    texts: list[str] = []
    for message in messages:
        content = message.get("content")
        if isinstance(content, str):
            texts.append(content)
        elif content:
            texts += [part["text"] for part in content]
    return texts


def rendered_messages(messages: list[Message], candidate: Candidate) -> list[Message]:
    """The messages as the candidate's engine takes them."""
    if candidate.engine is Engine.TGI:
        for message in messages:
            if "tool_calls" in message:
                return [_for_tgi(message) for message in messages]
    return messages


def _for_tgi(message: Message) -> Message:
    dropped = "content" if message.get("tool_calls") else "tool_calls"
    return {name: value for name, value in message.items() if name != dropped}


def _message(message: Message, index: int) -> Message:
    role, content = message.get("role"), message.get("content")
    if role not in _ROLES:
        raise _fault(index, ".role", f"must be one of {', '.join(_ROLES)}")
    if None in message.values():  # an answer that is sent back has many, and not every engine takes them
        message = {name: value for name, value in message.items() if value is not None}
    if "tool_calls" in message:
        message = _with_calls(message, index)
    if not isinstance(content, str):
        message = _with_content(message, index)
    # Chat templates of open models know "system" only; "developer" is OpenAI's newer name for it.
    return {**message, "role": "system"} if role == "developer" else message


def _with_content(message: Message, index: int) -> Message:
    content = message.get("content")
    if content is None and message["role"] == "assistant":
        return message if "tool_calls" in message else {**message, "content": ""}
    if not isinstance(content, list) or not content:
        raise _fault(index, ".content", "must be text or a list of parts")
    return {**message, "content": [_part(part, index, at) for at, part in enumerate(content)]}


def _part(part: object, index: int, at: int) -> Message:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind in _OTHER_PARTS:
        raise _fault(index, f".content[{at}]", f"is {kind}: the models here read text alone")
    place = _TEXT_PARTS.get(kind) if isinstance(kind, str) else None
    text = part.get(place) if isinstance(part, dict) and place else None
    if not isinstance(text, str):
        raise _fault(index, f".content[{at}]", 'must be a text part: {"type": "text", "text": "..."}')
    return {"type": "text", "text": text}


def _with_calls(message: Message, index: int) -> Message:
    calls = message["tool_calls"]
    if calls == []:
        return {name: value for name, value in message.items() if name != "tool_calls"}
    if not isinstance(calls, list) or not all(map(_is_call, calls)):
        raise _fault(index, ".tool_calls", "must be a list of calls with id, type and function")
    return message


def _is_call(call: object) -> bool:
    function = call.get("function") if isinstance(call, dict) else None
    return isinstance(function, dict) and isinstance(function.get("name"), str)


def _fault(index: int, place: str, what: str) -> ApiError:
    at = f"messages[{index}]{place}"
    return bad_request(f"{at} {what}.", param=at)
