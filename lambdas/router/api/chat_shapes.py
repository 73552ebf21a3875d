"""The parts of a chat answer in OpenAI's shapes: tool calls and log probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambdas.router.answers import bad_answer
from lambdas.router.api.answer_form import AnswerForm
from lambdas.router.strict_json import dumps


def tool_calls(given: object, form: AnswerForm) -> list[dict[str, Any]]:
    """The calls of a whole message; none is an empty list. Raises `UpstreamError` for what is no call."""
    if given is None:
        return []
    if not isinstance(given, list):
        raise bad_answer("the answer's tool_calls are no list")
    return [_tool_call(call, index, form) for index, call in enumerate(given)]


def _tool_call(call: object, index: int, form: AnswerForm) -> dict[str, Any]:
    function = function_of(call)
    name = function.get("name")
    if not isinstance(call, dict) or not isinstance(name, str):
        raise bad_answer("the answer holds a tool call without a name")
    called = {"name": name, "arguments": arguments_text(function.get("arguments"))}
    return {"id": form.call_id(call.get("id"), index), "type": "function", "function": called}


def function_of(call: object) -> Mapping[str, Any]:
    """A call's function. Raises `UpstreamError` where it has none."""
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        raise bad_answer("the answer holds a tool call without a function")
    return function


def arguments_text(given: object) -> str:
    """A call's arguments as JSON text, which OpenAI has; TGI before 3.2 gave an object."""
    if given is None:
        return ""
    return given if isinstance(given, str) else dumps(given)


def logprobs(given: object) -> dict[str, Any] | None:
    """Log probabilities with each token's bytes, which TGI leaves out. Raises `UpstreamError` for what is none."""
    content = given.get("content") if isinstance(given, dict) else None
    if content is None:
        return None
    if not isinstance(content, list):
        raise bad_answer("the answer's logprobs are no list of tokens")
    return {"content": [_token(token) for token in content], "refusal": None}


def _token(token: object) -> dict[str, Any]:
    top = (token.get("top_logprobs") if isinstance(token, dict) else None) or []
    if not isinstance(top, list):
        raise bad_answer("the answer's logprobs hold top_logprobs that are no list")
    return {**_logprob(token), "top_logprobs": [_logprob(each) for each in top]}


def _logprob(token: object) -> dict[str, Any]:
    text = token.get("token") if isinstance(token, dict) else None
    if not isinstance(token, dict) or not isinstance(text, str) or not is_number(token.get("logprob")):
        raise bad_answer("the answer's logprobs hold something that is no token")
    given = token.get("bytes")
    spelt = given if isinstance(given, list) else list(text.encode("utf-8", "surrogatepass"))
    return {"token": text, "logprob": token["logprob"], "bytes": spelt}


def is_number(value: object) -> bool:
    """Whether it is one in JSON's sense."""
    return isinstance(value, int | float) and not isinstance(value, bool)
