"""Token by token straight from an endpoint: SageMaker's InvokeEndpointWithResponseStream.

API Gateway hands a Lambda's answer over in one piece, so the router cannot show tokens as they come; this
can.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.eventstream import ParserError

from endpoints.adapters.aws_errors import aws_errors
from endpoints.adapters.router_client import chat_body
from endpoints.errors import RemoteError

_DONE: Final = "[DONE]"
_CUT_SHORT: Final = "The text above is not complete: run this again."


class ChatStream:
    """Pieces of the answer's text, once, as they come; what was measured and counted is known afterwards.

    Iterating raises `RemoteError` when the endpoint refuses, fails half-way or stops before the end.
    """

    def __init__(self, client: Any, request: dict[str, Any], endpoint_url: str | None = None) -> None:
        self._client = client
        self._request = request
        self._endpoint_url = endpoint_url
        self.ttft_ms: float | None = None  # to the first piece of text
        self.latency_ms: float | None = None  # to the end
        self.prompt_tokens: int | None = None
        self.completion_tokens: int | None = None
        self.finish_reason: str | None = None
        self.variant: str | None = None  # the variant that answered

    def __iter__(self) -> Iterator[str]:
        started_s = time.perf_counter()
        doing = f"stream from endpoint {self._request['EndpointName']}"
        with aws_errors(doing, endpoint_url=self._endpoint_url):
            for text in self._texts():
                if self.ttft_ms is None:
                    self.ttft_ms = _since_ms(started_s)
                yield text
        self.latency_ms = _since_ms(started_s)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _texts(self) -> Iterator[str]:
        response = self._client.invoke_endpoint_with_response_stream(**self._request)
        self.variant = response.get("InvokedProductionVariant")
        with closing(response["Body"]) as parts:
            for data in sse_data(_bytes_of(parts)):
                if data == _DONE:
                    self._check_finished()
                    return
                yield from self._texts_of(_document(data))
        raise RemoteError("The stream ended without its end marker.", remedy=_CUT_SHORT)

    def _texts_of(self, document: dict[str, Any]) -> Iterator[str]:
        usage = document.get("usage") or {}
        self.prompt_tokens = usage.get("prompt_tokens", self.prompt_tokens)
        self.completion_tokens = usage.get("completion_tokens", self.completion_tokens)
        for choice in document.get("choices") or []:
            self.finish_reason = choice.get("finish_reason") or self.finish_reason
            text = (choice.get("delta") or {}).get("content")
            if text:
                yield text

    def _check_finished(self) -> None:
        if self.finish_reason is None:
            raise RemoteError("The stream ended before the answer did.", remedy=_CUT_SHORT)


def stream_chat(
    endpoint_name: str,
    prompt: str,
    *,
    region: str,
    variant: str | None = None,
    endpoint_url: str | None = None,
    session: boto3.Session | None = None,
    system: str | None = None,
    max_tokens: int | None = None,
    temperature: float | None = None,
    timeout_s: float = 60.0,
) -> ChatStream:
    """Prepare a stream; nothing is sent before it is iterated.

    `variant` is a candidate's role; None lets the endpoint choose by its weights. `timeout_s` bounds the wait
    for the next piece. `endpoint_url` is the embedded AWS, None for AWS itself. Raises `RemoteError` without
    credentials.
    """
    body = chat_body(prompt, system=system, max_tokens=max_tokens, temperature=temperature)
    body |= {"stream": True, "stream_options": {"include_usage": True}}
    request = {
        "EndpointName": endpoint_name,
        "ContentType": "application/json",
        "Body": json.dumps(body).encode(),
    }
    if variant is not None:
        request["TargetVariant"] = variant
    config = Config(connect_timeout=5, read_timeout=timeout_s, retries={"total_max_attempts": 1})
    with aws_errors("prepare a stream", endpoint_url=endpoint_url):
        client = (session or boto3.Session()).client(
            "sagemaker-runtime", region_name=region, endpoint_url=endpoint_url, config=config
        )
    return ChatStream(client, request, endpoint_url)


def sse_data(pieces: Iterable[bytes]) -> Iterator[str]:
    """The data of each server-sent event; lines may be split over pieces anywhere.

    These engines put one line of data into an event, so a line is enough to tell them apart.
    """
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            field, _, value = line.strip(b"\r").partition(b":")
            if field == b"data":
                yield value.strip().decode("utf-8", errors="replace")


def _bytes_of(parts: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    try:
        for part in parts:
            yield part.get("PayloadPart", {}).get("Bytes", b"")
    except ParserError as error:
        raise RemoteError(f"The stream broke: {error}.", remedy=_CUT_SHORT) from error


def _document(data: str) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except ValueError as error:
        raise _broken(f"The stream holds an event that is not JSON: {data[:80]!r}") from error
    if not isinstance(document, dict):
        raise _broken(f"The stream holds an event that is no object: {data[:80]!r}")
    if document.get("error") is not None:
        detail = document["error"]
        text = detail.get("message") if isinstance(detail, dict) else detail
        raise _broken(f"The model server broke the stream off: {text}")
    return document


def _broken(message: str) -> RemoteError:
    return RemoteError(message, remedy=_CUT_SHORT)


def _since_ms(started_s: float) -> float:
    return (time.perf_counter() - started_s) * 1000
