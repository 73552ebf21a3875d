"""Tools: a grammar that lets the model call one of them, and the call in what it said.

As TGI does it (router/src/infer/tool_grammar.rs, router/src/chat.rs): the answer is `{"function": {"_name": ...,
arguments}}`, with `no_tool` among the names where the model may choose. vLLM reaches the same by the model's own way
of writing calls; here both go this way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from endpoints.local.model_server.engines.base import ChatMessage, Grammar
from endpoints.local.model_server.errors import InvalidRequestError, ToolError, UndecodableError
from endpoints.local.model_server.limits import Limits, ServingEngine
from endpoints.local.model_server.schemas import ChatRequest, Function

NO_TOOL: Final = "no_tool"
AUTO: Final = "auto"
PROMPT: Final = (
    "\n---\n{tools}\nGiven the functions available, please respond with a JSON for a function call with its proper "
    "arguments that best answers the given prompt. Respond in the format {{name: function name, parameters: dictionary "
    "of argument name and its value}}. Do not use variables.\n"
)


@dataclass(frozen=True)
class Call:
    """The call that the model made."""

    name: str
    arguments: str  # JSON


@dataclass(frozen=True)
class Tools:
    """The functions that may be called, by name; with `optional` none need be."""

    functions: Mapping[str, Function]
    optional: bool

    def grammar(self) -> Grammar:
        """What the answer must match."""
        names = [*self.functions, NO_TOOL] if self.optional else list(self.functions)
        call = {"anyOf": [self._schema(name) for name in names]}
        schema = {"type": "object", "properties": {"function": call}, "required": ["function"]}
        return Grammar("json_schema", json.dumps(schema))

    def prompted(self, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
        """The messages with the tools told in the last one, as TGI does for templates that know none."""
        *before, last = messages
        functions = [function.model_dump(exclude_none=True) for function in self.functions.values()]
        told = PROMPT.format(tools=json.dumps(functions))
        return [*before, {"role": last["role"], "content": last["content"] + told}]

    def call_in(self, text: str) -> Call | None:
        """The call in an answer, None where the model made none. Raises `ToolError` for an answer that was cut."""
        try:
            function = dict(json.loads(text)["function"])
        except (ValueError, KeyError, TypeError) as error:
            raise ToolError(f"Failed to parse generated text: {error} {json.dumps(text)}") from None
        name = function.pop("_name")
        return None if name == NO_TOOL else Call(name, json.dumps(function, separators=(",", ":")))

    def _schema(self, name: str) -> dict[str, Any]:
        function = self.functions.get(name)
        parameters = (function.parameters if function else None) or {}
        properties = {"_name": {"type": "string", "const": name}, **parameters.get("properties", {})}
        return {
            **{key: value for key, value in parameters.items() if key in ("$defs", "definitions")},
            "type": "object",
            "properties": properties,
            "required": ["_name", *parameters.get("required", [])],
            "additionalProperties": False,
        }


def tools_of(request: ChatRequest, limits: Limits) -> Tools | None:
    """The tools that the answer may call, None where it may call none. Raises `InvocationError`."""
    if not request.tools or request.tool_choice == "none":
        return None
    if request.response_format is not None and limits.engine is ServingEngine.TGI:
        raise ToolError("Grammar and tools are mutually exclusive")
    functions = {tool.function.name: tool.function for tool in request.tools}
    if limits.engine is ServingEngine.TGI and any(each.parameters is None for each in functions.values()):
        raise UndecodableError(422, "tools: missing field `arguments`")  # TGI's other name for parameters
    name = _named(request.tool_choice)
    if name is not None:
        if name not in functions:
            raise ToolError(f"Tool with name {name} not found")
        return Tools({name: functions[name]}, optional=False)
    optional = request.tool_choice in (None, AUTO)
    if optional and not limits.calls_tools_by_itself:
        reason = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
        raise InvalidRequestError(reason)
    return Tools(functions, optional=optional)


def _named(choice: str | dict[str, Any] | None) -> str | None:
    """TGI takes a bare name, OpenAI's clients and vLLM an object."""
    if isinstance(choice, dict):
        return str(choice.get("function", choice).get("name"))
    return None if choice in (None, AUTO, "required") else choice
