"""Reads a chat answer: whole or streamed, complete or not at all.

Engines know their model as a path in the container; callers get the model's id, and an id for the answer
where the engine gives none. Token usage and everything else stay as the engine gave them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lambdas.router.answers import Answer, bad_answer, count, parse_answer
from lambdas.router.messages import EVENT_STREAM_TYPE, JSON_TYPE
from lambdas.router.sse import DONE, SseDecoder, encode_event, event_document


def read_completion(raw: bytes, *, model_id: str, request_id: str) -> Answer:
    """A whole `chat.completion`. Raises `UpstreamError` when it is none."""
    document = parse_answer(raw)
    if not isinstance(document, dict) or not _is_completion(document):
        raise bad_answer("the answer is no chat completion: it has no choice with a message")
    usage = _usage(document)
    body = json.dumps(_relabelled(document, model_id, request_id)).encode()
    return Answer(body, JSON_TYPE, count(usage, "prompt_tokens"), count(usage, "completion_tokens"))


def read_stream(raw: bytes, *, model_id: str, request_id: str) -> Answer:
    """A whole stream of `chat.completion.chunk`, up to its end marker.

    Raises `UpstreamError` when it is cut short.
    """
    check = ChatStream(model_id=model_id, request_id=request_id)
    body = b"".join(check.take(data) for data in SseDecoder().feed(raw))
    check.finish()
    usage = check.usage
    return Answer(body, EVENT_STREAM_TYPE, count(usage, "prompt_tokens"), count(usage, "completion_tokens"))


class ChatStream:
    """Passes a stream's events on and knows whether it came to its end.

    Complete means: every choice that began has its `finish_reason`, and `data: [DONE]` came. An error event
    never counts as an end, although TGI sends `[DONE]` after one.
    """

    def __init__(self, *, model_id: str, request_id: str) -> None:
        self._model_id = model_id
        self._request_id = request_id
        self._open: set[int] = set()
        self._closed: set[int] = set()
        self.done = False
        self.usage: Mapping[str, Any] = {}

    def take(self, data: str) -> bytes:
        """The event for the caller; empty after the end marker.

        Raises `UpstreamError` for an error or a bad event.
        """
        if self.done:
            return b""
        if data.strip() == DONE:
            self.done = True
            return encode_event(DONE)
        document = event_document(data)
        self._note(document)
        return encode_event(json.dumps(_relabelled(document, self._model_id, self._request_id)))

    def finish(self) -> None:
        """The stream is over. Raises `UpstreamError` unless it is complete."""
        if not self.done:
            raise bad_answer("the stream ended without its end marker")
        if not self._closed or self._open - self._closed:
            raise bad_answer("the stream ended before the answer did: no finish_reason")

    def _note(self, document: Mapping[str, Any]) -> None:
        choices = document.get("choices")
        if not isinstance(choices, list):
            raise bad_answer("the stream holds an event without choices")
        for choice in choices:
            self._note_choice(choice)
        self.usage = _usage(document) or self.usage

    def _note_choice(self, choice: object) -> None:
        if not isinstance(choice, dict) or not isinstance(choice.get("delta"), dict):
            raise bad_answer("the stream holds a choice without a delta")
        index = choice.get("index", 0)
        if not isinstance(index, int):
            raise bad_answer("the stream holds a choice without an index")
        self._open.add(index)
        if choice.get("finish_reason"):
            self._closed.add(index)


def _is_completion(document: Mapping[str, Any]) -> bool:
    choices = document.get("choices")
    return isinstance(choices, list) and bool(choices) and all(map(_has_message, choices))


def _has_message(choice: object) -> bool:
    return isinstance(choice, dict) and isinstance(choice.get("message"), dict)


def _usage(document: Mapping[str, Any]) -> Mapping[str, Any]:
    usage = document.get("usage")
    return usage if isinstance(usage, dict) else {}


def _relabelled(document: Mapping[str, Any], model_id: str, request_id: str) -> dict[str, Any]:
    return {**document, "id": document.get("id") or f"chatcmpl-{request_id}", "model": model_id}
