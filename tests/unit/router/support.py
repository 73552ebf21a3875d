"""A route table, requests, answers, a router to ask, and a stand-in for SageMaker on a loopback port."""

from __future__ import annotations

import binascii
import json
import struct
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from lambdas.router.messages import Request, Response
from lambdas.router.route_table import RouteTable
from lambdas.router.route_table_reader import parse_route_table
from lambdas.router.service import Router
from lambdas.router.trace import Trace
from tests.unit.router.fake_upstream import FakeUpstream
from tests.unit.router.virtual import now_s, run_virtual

LIMITS = {"max_body_bytes": 4096, "max_messages": 4, "max_output_tokens": 100, "timeout_ms": 20_000}
PRIMARY_MODEL = "meta-llama/Llama-3.1-8B-Instruct"
ALTERNATIVE_MODEL = "mistralai/Mistral-7B-Instruct-v0.3"


ROUTING: dict[str, Any] = {
    "streams": {"timeout_ms": 60_000, "first_token_ms": 4_000, "idle_ms": 2_000},
    "retries": {"per_candidate": 0, "base_ms": 100, "cap_ms": 1_000},
    "breaker": {"window_s": 30, "min_requests": 4, "failure_percent": 50, "open_s": 5, "max_open_s": 20},
    "hedging": None,
    "experiment": None,
    "shadow": None,
    "require": {"licence": None, "languages": [], "context_tokens": None, "structured_output": False},
    "log_text": False,
}


def candidate(role: str, model_id: str, **changes: object) -> dict[str, object]:
    return {
        "role": role,
        "variant": role,
        "model_id": model_id,
        "engine": "tgi",
        "max_input_tokens": 3072,
        "max_total_tokens": 4096,
        "tool_calls": changes.get("engine") != "vllm",
        "licence": "permissive",
        "languages": ["en"],
        "multilingual": False,
        "structured_output": False,
        "usd_per_hour": 1.5,
    } | changes


def route(endpoint_name: str, *candidates: dict[str, object], **changes: object) -> dict[str, object]:
    """A use case of a table: nothing is tried twice, hedged or shadowed unless `changes` say so."""
    head = {"endpoint_name": endpoint_name, "limits": LIMITS, "requests_in_flight": 8}
    return head | ROUTING | {"candidates": list(candidates)} | changes


def table_document(**use_cases: object) -> dict[str, Any]:
    """A valid table: `query-enhancement` with two candidates on TGI, `job-parsing` on vLLM alone."""
    both = [candidate("primary", PRIMARY_MODEL), candidate("alternative", ALTERNATIVE_MODEL)]
    vllm = candidate("primary", "Qwen/Qwen2.5-7B-Instruct", engine="vllm")
    routes: dict[str, object] = {
        "query-enhancement": route("adept-test-query-enhancement", *both),
        "job-parsing": route("adept-test-job-parsing", vllm),
    }
    return {"version": 2, "environment": "test", "use_cases": routes | use_cases}


def table() -> RouteTable:
    return parse_route_table(table_document())


def chat_body(model: str = "query-enhancement", **fields: object) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "hello"}], **fields}


def chat_request(body: object = None, **changes: Any) -> Request:
    raw = json.dumps(chat_body() if body is None else body).encode()
    request = {"method": "POST", "path": "/v1/chat/completions", "body": raw, "request_id": "req-1"}
    return Request(**(request | changes))


def completion(text: str = "hi", **changes: object) -> bytes:
    """A chat completion as TGI gives it: no id, and the model by its path."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "logprobs": None,
        "finish_reason": "stop",
    }
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    document = {
        "object": "chat.completion",
        "id": "",
        "created": 1,
        "model": "/opt/ml/model",
        "choices": [choice],
    }
    return json.dumps(document | {"usage": usage} | changes).encode()


def chunk(text: str = "hi", finish_reason: str | None = None, **changes: object) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": finish_reason}
    document = {"object": "chat.completion.chunk", "id": "", "created": 1, "model": "/opt/ml/model"}
    return document | {"choices": [choice]} | changes


def events(*documents: object, done: bool = True) -> bytes:
    """Server-sent events; `done` appends the chat protocol's end marker."""
    data = [json.dumps(document) for document in documents] + (["[DONE]"] if done else [])
    return b"".join(f"data: {item}\n\n".encode() for item in data)


def whole_stream() -> bytes:
    return events(chunk("he"), chunk("llo"), chunk("", "stop"))


class WholeResponse(NamedTuple):
    """A response whose body was read to its end."""

    status: int
    body: bytes
    headers: Mapping[str, str]


def ask(
    request: Request, upstream: FakeUpstream | None = None, *, buffered: bool = True, **options: Any
) -> tuple[WholeResponse, Trace]:
    """Put a request to a router whose candidates answer well unless `upstream` says otherwise.

    Streams are read to their end. `buffered` and `options` are `Router.handle`'s.
    """

    async def answered() -> tuple[WholeResponse, Trace]:
        router = Router(table(), upstream or FakeUpstream(primary=good, alternative=good), clock=now_s)
        response, trace = await router.handle(request, buffered=buffered, **options)
        return WholeResponse(response.status, await body_of(response), response.headers), trace

    good = completion()
    return run_virtual(answered())


async def body_of(response: Response) -> bytes:
    """The whole body, a streamed one read to its end."""
    body = response.body
    if isinstance(body, bytes):
        return body
    try:
        return b"".join([piece async for piece in body])
    finally:
        await body.aclose()


def error_of(response: Response | WholeResponse) -> dict[str, Any]:
    """The error object; fails unless the response is a well-formed OpenAI error."""
    assert isinstance(response.body, bytes)
    document = json.loads(response.body)
    assert set(document) == {"error"}
    error: dict[str, Any] = document["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert isinstance(error["message"], str)
    assert error["message"]
    assert isinstance(error["type"], str)
    assert error["param"] is None or isinstance(error["param"], str)
    assert response.headers["content-type"] == "application/json"
    return error


def event_message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message of the AWS event stream encoding: lengths and their CRC, string headers, payload, CRC."""
    head = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack("!II", len(head) + len(payload) + 16, len(head))
    message = prelude + struct.pack("!I", binascii.crc32(prelude)) + head + payload
    return message + struct.pack("!I", binascii.crc32(message))


def payload_part(data: bytes) -> bytes:
    return event_message({":message-type": "event", ":event-type": "PayloadPart"}, data)


def stream_error(code: str, **members: str) -> bytes:
    headers = {":message-type": "exception", ":exception-type": code}
    return event_message(headers, json.dumps(members).encode())


@dataclass(frozen=True)
class Reply:
    """What the runtime on the loopback port sends: whole pieces, `pause_s` apart.

    `hang_up` cuts the body short; `silent` closes the connection without a word.
    """

    pieces: tuple[bytes, ...] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pause_s: float = 0.0
    hang_up: bool = False
    silent: bool = False
    chunked: bool = False  # as SageMaker sends what has no length yet

    def on_the_wire(self) -> Iterator[bytes]:
        if not self.chunked:
            yield from self.pieces
            return
        yield from (b"%x\r\n%s\r\n" % (len(piece), piece) for piece in self.pieces)
        if not self.hang_up:
            yield b"0\r\n\r\n"

    @classmethod
    def error(cls, status: int, code: str, **members: object) -> Reply:
        return cls((json.dumps(members).encode(),), status, {"x-amzn-ErrorType": code})

    @classmethod
    def model_error(cls, status: int, message: str) -> Reply:
        """How SageMaker wraps an error of the container."""
        return cls.error(
            424,
            "ModelError",
            Message="wrapped",
            OriginalStatusCode=status,
            OriginalMessage=message,
            LogStreamArn="arn",
        )

    @classmethod
    def stream(cls, *messages: bytes, **changes: Any) -> Reply:
        headers = {"Content-Type": "application/vnd.amazon.eventstream"}
        return cls(tuple(messages), headers=headers, chunked=True, **changes)


class FakeRuntime:
    """SageMaker's runtime protocol on a loopback port: scripted replies per variant."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply | list[Reply]] = {}  # a list: one for each request
        self.connections = 0
        self.requests: list[tuple[str, str, bytes]] = []  # path, variant, body
        self.attributes: list[str | None] = []  # the custom attributes of each request
        self.hung_up = threading.Event()  # a client went away within its answer
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        runtime = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                runtime.connections += 1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                variant = self.headers.get("X-Amzn-SageMaker-Target-Variant", "")
                runtime.requests.append((self.path, variant, body))
                runtime.attributes.append(self.headers.get("X-Amzn-SageMaker-Custom-Attributes"))
                reply = runtime.replies[variant]
                if isinstance(reply, list):
                    reply = reply.pop(0)
                if reply.silent:
                    self.close_connection = True
                else:
                    self._send(reply)

            def _send(self, reply: Reply) -> None:
                self.send_response(reply.status)
                for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                    self.send_header(name, value)
                if reply.chunked:
                    self.send_header("Transfer-Encoding", "chunked")
                else:
                    self.send_header("Content-Length", str(sum(map(len, reply.pieces)) + reply.hang_up))
                self.send_header("x-Amzn-Invoked-Production-Variant", "primary")
                self.end_headers()
                self._send_pieces(reply)
                self.close_connection = reply.hang_up

            def _send_pieces(self, reply: Reply) -> None:
                for piece in reply.on_the_wire():
                    if runtime.closing.wait(reply.pause_s):
                        return
                    try:
                        self.wfile.write(piece)
                        self.wfile.flush()
                    except OSError:  # the client gave up: what several tests are about
                        runtime.hung_up.set()
                        return

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                pass

        return Handler


def decoded_events(body: bytes) -> list[Any]:
    """The events of a rendered stream; the end marker stays text."""
    return [_event(line) for line in body.decode().split("\n\n") if line]


def _event(line: str) -> Any:
    data = line.removeprefix("data: ")
    return data if data == "[DONE]" else json.loads(data)
