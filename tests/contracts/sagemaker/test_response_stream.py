"""InvokeEndpointWithResponseStream: pieces as they come, failures half-way, clients that go away."""

from __future__ import annotations

import threading
import time
from typing import Any, cast

import httpx
import pytest
from botocore.eventstream import EventStreamBuffer
from botocore.exceptions import EventStreamError
from hypothesis import given
from hypothesis import strategies as st

from endpoints.local.protocol import eventstream
from endpoints.local.sagemaker import SageMaker
from endpoints.local.sagemaker.runtime import RuntimeTimeouts
from tests.contracts.sagemaker.conftest import Clients
from tests.contracts.sagemaker.world import client_error, make_endpoint
from tests.support.containers import Call, FakeHost
from tests.support.waiting import eventually

CHUNKED = {"Transfer-Encoding": "chunked", "Content-Type": "text/event-stream"}


def stream(clients: Clients, **params: Any) -> Any:
    return clients.runtime.invoke_endpoint_with_response_stream(
        **({"EndpointName": "chat", "Body": b"{}", "ContentType": "application/json"} | params)
    )


def test_pieces_arrive_while_the_container_still_writes(
    sagemaker: SageMaker, host: FakeHost, clients: Clients
) -> None:
    # given a container that goes on only when the client has the piece before
    make_endpoint(sagemaker)
    received = [threading.Event() for _ in range(3)]

    def behaviour(call: Call) -> None:
        call.begin(headers=CHUNKED | {"X-Amzn-SageMaker-Custom-Attributes": "a=1"})
        for i, event in enumerate(received):
            call.chunk(f"data: {i}\n\n".encode())
            assert event.wait(5)
        call.chunk(b"")

    host.behaviour = behaviour
    # when
    answer = stream(clients, Accept="text/event-stream", TargetVariant="primary")
    pieces = []
    for event, piece in zip(received, answer["Body"], strict=True):
        pieces.append(piece["PayloadPart"]["Bytes"])
        event.set()
    # then
    assert pieces == [b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n"]
    assert (answer["ContentType"], answer["InvokedProductionVariant"]) == ("text/event-stream", "primary")
    assert answer["CustomAttributes"] == "a=1"


def test_the_accept_header_of_a_stream_reaches_the_container(
    sagemaker: SageMaker, host: FakeHost, clients: Clients
) -> None:
    make_endpoint(sagemaker)
    host.behaviour = lambda call: call.answer(call.headers.get("Accept", "none").encode())

    pieces = list(stream(clients, Accept="text/event-stream")["Body"])

    assert pieces == [{"PayloadPart": {"Bytes": b"text/event-stream"}}]


def test_an_error_before_the_stream_is_a_model_error(
    sagemaker: SageMaker, host: FakeHost, clients: Clients
) -> None:
    make_endpoint(sagemaker)
    host.behaviour = lambda call: call.answer(b"overloaded", 429)

    with pytest.raises(clients.runtime.exceptions.ModelError) as failed:
        stream(clients)

    assert failed.value.response["OriginalStatusCode"] == 429


def test_a_stream_of_an_endpoint_that_is_not_there_is_a_validation_error(clients: Clients) -> None:
    code, message = client_error(
        clients.runtime.invoke_endpoint_with_response_stream, EndpointName="gone", Body=b""
    )

    assert (code, message) == ("ValidationError", "Endpoint gone of account 000000000000 not found.")


def test_a_container_that_dies_half_way_ends_the_stream_with_an_error(
    sagemaker: SageMaker, host: FakeHost, clients: Clients
) -> None:
    make_endpoint(sagemaker)

    def behaviour(call: Call) -> None:
        call.begin(headers=CHUNKED)
        call.chunk(b"one")
        call.hang_up()

    host.behaviour = behaviour
    pieces = iter(stream(clients)["Body"])

    assert next(pieces) == {"PayloadPart": {"Bytes": b"one"}}
    with pytest.raises(EventStreamError) as failed:
        next(pieces)
    assert failed.value.response["Error"]["Code"] == "ModelStreamError"


@pytest.mark.parametrize("timeouts", [RuntimeTimeouts(stream_s=0.5)])
def test_a_stream_that_takes_too_long_ends_with_an_error(
    sagemaker: SageMaker, host: FakeHost, clients: Clients
) -> None:
    make_endpoint(sagemaker)
    seen_the_error = threading.Event()

    def behaviour(call: Call) -> None:
        call.begin(headers=CHUNKED)
        call.chunk(b"one")
        seen_the_error.wait(30)

    host.behaviour = behaviour

    with pytest.raises(EventStreamError, match=r"did not finish its response within 0\.5 seconds"):
        list(stream(clients)["Body"])
    seen_the_error.set()


def test_a_client_that_goes_away_ends_the_request_to_the_container(
    sagemaker: SageMaker, host: FakeHost, clients: Clients
) -> None:
    make_endpoint(sagemaker)
    broken = threading.Event()

    def behaviour(call: Call) -> None:
        call.begin(headers=CHUNKED)
        try:
            while True:
                call.chunk(b"x")
                time.sleep(0.005)
        except OSError:
            broken.set()

    host.behaviour = behaviour
    url = f"{clients.url}/endpoints/chat/invocations-response-stream"
    with httpx.stream("POST", url, content=b"{}") as answer:
        next(answer.iter_raw())

    assert broken.wait(10), "the container still writes to nobody"
    # and the lease is released, so that a delete does not wait for it
    sagemaker.call("DeleteEndpoint", {"EndpointName": "chat"})
    eventually(lambda: host.stopped, what="the end of the container")


@given(
    st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=100), max_size=4),
    st.binary(max_size=300),
)
def test_the_encoder_is_the_inverse_of_botocores_decoder(headers: dict[str, str], payload: bytes) -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(eventstream.encode_message(headers, payload) + eventstream.payload_part(b"next"))

    first, second = cast(Any, list(buffer))  # the stubs say that a message's headers are a number

    assert (first.headers, first.payload) == (headers, payload)
    assert second.headers[":event-type"] == "PayloadPart"
