"""Token by token straight from an endpoint: SageMaker's InvokeEndpointWithResponseStream, past the router."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

import boto3
from botocore.config import Config
from botocore.eventstream import ParserError

from endpoints.adapters.aws_errors import aws_errors
from endpoints.adapters.chat_events import CUT_SHORT, ChatEvents
from endpoints.adapters.router_client import chat_body
from endpoints.errors import RemoteError


class ChatStream(ChatEvents):
    """Pieces of the answer's text, once, as they come; what was measured and counted is known afterwards.

    Iterating raises `RemoteError` when the endpoint refuses, fails half-way or stops before the end.
    """

    def __init__(self, client: Any, request: dict[str, Any], endpoint_url: str | None = None) -> None:
        super().__init__()
        self._client = client
        self._request = request
        self._endpoint_url = endpoint_url
        self.ttft_ms: float | None = None  # to the first piece of text
        self.latency_ms: float | None = None  # to the end
        self.variant: str | None = None  # the variant that answered

    def __iter__(self) -> Iterator[str]:
        started_s = time.perf_counter()
        doing = f"stream from endpoint {self._request['EndpointName']}"
        with aws_errors(doing, endpoint_url=self._endpoint_url):
            for text in self._answer():
                if self.ttft_ms is None:
                    self.ttft_ms = _since_ms(started_s)
                yield text
        self.latency_ms = _since_ms(started_s)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _answer(self) -> Iterator[str]:
        response = self._client.invoke_endpoint_with_response_stream(**self._request)
        self.variant = response.get("InvokedProductionVariant")
        with closing(response["Body"]) as parts:
            yield from self.texts(_bytes_of(parts))


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


def _bytes_of(parts: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    try:
        for part in parts:
            yield part.get("PayloadPart", {}).get("Bytes", b"")
    except ParserError as error:
        raise RemoteError(f"The stream broke: {error}.", remedy=CUT_SHORT) from error


def _since_ms(started_s: float) -> float:
    return (time.perf_counter() - started_s) * 1000
