"""`tools` and `tool_choice`: check them, and render them for an engine.

TGI 3.3 (router/src/infer/tool_grammar.rs, router/src/chat.rs) makes a grammar of the tools: it calls one of them, or
with `auto` none; it needs `parameters`, and takes a function to be called by its bare name. Tools and
`response_format` exclude each other there, as both are grammars.
vLLM 0.29 holds `required` and a named function by structured outputs. With `auto` the model writes calls its own
way, for which the server needs `--enable-auto-tool-choice` and the model's parser.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from lambdas.router.api.unsupported import unsupported
from lambdas.router.errors import ApiError, bad_request
from lambdas.router.fields import flag, items
from lambdas.router.route_table import Candidate, Engine
from lambdas.router.strict_json import dumps

FIELDS = frozenset(("tools", "tool_choice", "parallel_tool_calls", "functions", "function_call"))
_MAX_TOOLS = 128  # OpenAI's own limit
_WORDS = ("none", "auto", "required")
_NO_PARAMETERS = {"type": "object", "properties": {}}


class Tools(NamedTuple):
    """The tools of a valid request. `choice` is "none", "auto", "required", or (`named`) a function's name."""

    tools: list[dict[str, Any]]
    choice: str
    named: bool = False
    parallel: bool | None = None  # None: not said

    @property
    def callable(self) -> bool:
        """Whether the answer may hold calls."""
        return bool(self.tools) and (self.named or self.choice != "none")

    @property
    def must_be_called(self) -> bool:
        """Whether an answer without a call is none."""
        return bool(self.tools) and (self.named or self.choice == "required")

    @property
    def chars(self) -> int:
        """How much of a prompt they are: chat templates write them into it."""
        return len(dumps(self.tools)) if self.tools else 0

    def refusal(self, candidate: Candidate) -> ApiError | None:
        """Why the candidate's engine cannot do this, None where it can."""
        if self.callable and not self.must_be_called and not candidate.tool_calls:
            reason = (
                "was started without a parser of tool calls; tool_choice required or a named function works"
            )
            return unsupported(candidate, "tool_choice", reason)
        return None

    def rendered(self, candidate: Candidate) -> dict[str, Any]:
        """The fields as the candidate's engine takes them."""
        if not self.tools:
            return {}
        if candidate.engine is Engine.TGI:
            if not self.callable:
                return {}
            return {"tools": [_for_tgi(tool) for tool in self.tools], "tool_choice": self.choice}
        choice = {"type": "function", "function": {"name": self.choice}} if self.named else self.choice
        parallel = {} if self.parallel is None else {"parallel_tool_calls": self.parallel}
        return {"tools": self.tools, "tool_choice": choice, **parallel}


NO_TOOLS = Tools([], "none")


def parse_tools(body: Mapping[str, Any]) -> Tools:
    """Check the tools of a request. Raises a 400 `ApiError`."""
    if FIELDS.isdisjoint(body):
        return NO_TOOLS
    for name in ("functions", "function_call"):
        if body.get(name) is not None:
            raise bad_request(f"{name} is OpenAI's old name: use tools and tool_choice.", param=name)
    given, choice = items(body, "tools"), body.get("tool_choice")
    parallel = flag(body, "parallel_tool_calls") if body.get("parallel_tool_calls") is not None else None
    if not given:
        if choice not in (None, "none", "auto"):
            raise bad_request("tool_choice needs tools.", param="tool_choice")
        return NO_TOOLS
    if len(given) > _MAX_TOOLS:
        raise bad_request(f"tools has {len(given)} entries; at most {_MAX_TOOLS} are taken.", param="tools")
    names = [_name(tool, f"tools[{index}]") for index, tool in enumerate(given)]
    word, named = _choice(choice, names)
    return Tools(given, word, named=named, parallel=parallel)


def _name(tool: object, at: str) -> str:
    function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(function, dict) or not isinstance(name, str) or not name:
        raise bad_request(f'{at} must be {{"type": "function", "function": {{"name": ...}}}}.', param=at)
    parameters = function.get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        place = f"{at}.function.parameters"
        raise bad_request(f"{place} must be a JSON schema, an object.", param=place)
    return name


def _choice(given: object, names: list[str]) -> tuple[str, bool]:
    """The word or the name, and whether it is a name."""
    if given is None:
        return "auto", False
    if isinstance(given, str) and given in _WORDS:
        return given, False
    function = given.get("function") if isinstance(given, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str):
        message = 'tool_choice must be "none", "auto", "required" or {"type": "function", "function": {"name": ...}}.'
        raise bad_request(message, param="tool_choice")
    if name not in names:
        raise bad_request(
            f"tool_choice names {name[:80]!r}, which is none of the tools.", param="tool_choice"
        )
    return name, True


def _for_tgi(tool: dict[str, Any]) -> dict[str, Any]:
    function = tool["function"]
    if function.get("parameters") is not None:
        return tool
    return {**tool, "function": {**function, "parameters": _NO_PARAMETERS}}
