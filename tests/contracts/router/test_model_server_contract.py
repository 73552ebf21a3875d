"""OpenAI's SDK, the router and the local model server of both engines, face to face: nobody here wrote the client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import httpx
import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import BaseModel

from lambdas.router.service import Router
from tests.contracts.router.model_servers import ModelServers, RouterTransport
from tests.unit.router.tables import table_of, tgi, vllm

T = TypeVar("T")
ENGINES = ("tgi", "vllm")
WORDS = ("Hello", " there", ".")
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]
CITY: dict[str, object] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: ChatCompletionToolParam = {"type": "function", "function": {"name": "weather", "parameters": CITY}}
CALL = ('{"function": {"_name": "weather", ', '"city": "Rome"}}')


class Job(BaseModel):
    title: str
    years: int


def with_client(words: Sequence[str], work: Callable[[AsyncOpenAI], Awaitable[T]]) -> T:
    """The result of `work` with a client of a router over both engines, `chat:tgi` and `chat:vllm`."""

    async def working() -> T:
        table = table_of(tgi("tgi"), vllm("vllm"))
        router = Router(table, ModelServers(words))
        http_client: Any = httpx.AsyncClient(
            transport=RouterTransport(router)
        )  # either of the SDK's two httpx
        async with AsyncOpenAI(
            base_url="http://router.test/v1", api_key="unused", http_client=http_client, max_retries=0
        ) as client:
            return await work(client)

    return asyncio.run(working())


@pytest.mark.parametrize("engine", ENGINES)
def test_text_whole_and_streamed(engine: str) -> None:
    async def work(client: AsyncOpenAI) -> tuple[Any, Any]:
        whole = await client.chat.completions.create(model=f"chat:{engine}", messages=HELLO)
        async with client.chat.completions.stream(
            model=f"chat:{engine}", messages=HELLO, stream_options={"include_usage": True}
        ) as stream:
            return whole, await stream.get_final_completion()

    for completion in with_client(WORDS, work):
        (choice,) = completion.choices
        assert (choice.message.content, choice.message.role) == ("Hello there.", "assistant")
        assert (choice.finish_reason, completion.model) == ("stop", f"chat:{engine}")
        assert completion.usage.total_tokens == 5


@pytest.mark.parametrize("engine", ENGINES)
def test_a_stop_sequence_is_no_part_of_the_answer(engine: str) -> None:
    async def work(client: AsyncOpenAI) -> list[str]:
        model = f"chat:{engine}"
        whole = await client.chat.completions.create(model=model, messages=HELLO, stop="here.")
        stream = await client.chat.completions.create(model=model, messages=HELLO, stop="here.", stream=True)
        streamed = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
        text = await client.completions.create(model=model, prompt="hi", stop=["here."])
        return [whole.choices[0].message.content or "", streamed, text.choices[0].text]

    assert with_client(WORDS, work) == ["Hello t"] * 3


@pytest.mark.parametrize("engine", ENGINES)
def test_a_tool_call_whole_and_streamed_and_its_result_told(engine: str) -> None:
    async def work(client: AsyncOpenAI) -> list[Any]:
        request: dict[str, Any] = {
            "model": f"chat:{engine}",
            "messages": HELLO,
            "tools": [WEATHER],
            "tool_choice": "required",
        }
        whole = await client.chat.completions.create(**request)
        async with client.chat.completions.stream(**request) as stream:
            streamed = await stream.get_final_completion()
        call = whole.choices[0].message.tool_calls[0]
        result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
        told = [*HELLO, whole.choices[0].message.model_dump(exclude_none=True), result]
        await client.chat.completions.create(model=f"chat:{engine}", messages=told)
        return [whole, streamed]

    for completion in with_client(CALL, work):
        (choice,) = completion.choices
        (call,) = choice.message.tool_calls
        assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"city": "Rome"})
        assert choice.finish_reason == "tool_calls"
        assert len(call.id) >= 9


@pytest.mark.parametrize("engine", ENGINES)
def test_a_pydantic_model_as_response_format(engine: str) -> None:
    async def work(client: AsyncOpenAI) -> Any:
        return await client.chat.completions.parse(
            model=f"chat:{engine}", messages=HELLO, response_format=Job
        )

    completion = with_client(('{"title": "engineer", ', '"years": 5}'), work)
    assert completion.choices[0].message.parsed == Job(title="engineer", years=5)


@pytest.mark.parametrize("engine", ENGINES)
def test_log_probabilities(engine: str) -> None:
    async def work(client: AsyncOpenAI) -> Any:
        return await client.chat.completions.create(
            model=f"chat:{engine}", messages=HELLO, logprobs=True, top_logprobs=2
        )

    tokens = with_client(WORDS, work).choices[0].logprobs.content
    assert [(token.token, token.logprob) for token in tokens] == [(word, -0.5) for word in WORDS]
    assert bytes(tokens[0].bytes) == b"Hello"


@pytest.mark.parametrize("engine", ENGINES)
def test_text_completions_of_several_prompts(engine: str) -> None:
    async def work(client: AsyncOpenAI) -> tuple[Any, list[Any]]:
        model = f"chat:{engine}"
        whole = await client.completions.create(model=model, prompt=["a", "b c"])
        stream = await client.completions.create(
            model=model, prompt=["a", "b c"], stream=True, stream_options={"include_usage": True}
        )
        return whole, [chunk async for chunk in stream]

    whole, chunks = with_client(WORDS, work)
    assert [(choice.index, choice.text, choice.finish_reason) for choice in whole.choices] == [
        (0, "Hello there.", "stop"),
        (1, "Hello there.", "stop"),
    ]
    texts = {0: "", 1: ""}
    for chunk in chunks[:-1]:
        texts[chunk.choices[0].index] += chunk.choices[0].text
    assert set(texts.values()) == {"Hello there."}
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens == 11


def test_several_answers_come_from_the_engine_that_gives_them() -> None:
    async def work(client: AsyncOpenAI) -> tuple[Any, Any]:
        raw = await client.chat.completions.with_raw_response.create(model="chat", messages=HELLO, n=2)
        return raw.headers["x-adept-candidate"], raw.parse()

    candidate, completion = with_client(WORDS, work)
    assert candidate == "vllm"
    assert [choice.message.content for choice in completion.choices] == ["Hello there."] * 2


def test_a_refusal_is_the_sdks_own_exception_with_parameter_and_code() -> None:
    async def work(client: AsyncOpenAI) -> list[openai.BadRequestError]:
        refused = []
        for fields in (
            {"n": 2},
            {"presence_penalty": 1},
            {"messages": [{"role": "user", "content": "a " * 9000}]},
        ):
            request: dict[str, Any] = {"model": "chat:tgi", "messages": HELLO, **fields}
            with pytest.raises(openai.BadRequestError) as caught:
                await client.chat.completions.create(**request)
            refused.append(caught.value)
        return refused

    several, penalty, long = with_client(WORDS, work)
    assert (several.param, several.code, several.type) == (
        "n",
        "unsupported_parameter",
        "invalid_request_error",
    )
    assert penalty.param == "presence_penalty"
    assert (long.param, long.code) == ("messages", "context_length_exceeded")


def test_what_only_the_engine_can_count_is_the_same_exception() -> None:
    """3,000 words pass the router, whose bound is 3,072, and not the engine, which takes 2,000 here."""

    async def work(client: AsyncOpenAI) -> openai.BadRequestError:
        long: list[ChatCompletionMessageParam] = [{"role": "user", "content": "a " * 3000}]
        with pytest.raises(openai.BadRequestError) as caught:
            await client.chat.completions.create(model="chat:tgi", messages=long, max_tokens=5)
        return caught.value

    assert with_client(WORDS, work).code == "context_length_exceeded"
