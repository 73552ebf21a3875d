"""Where the engines' containers speak differently: names of endings, ids, errors.

Sources: text-generation-inference 3.3, router/src/lib.rs (`FinishReason::format`), router/src/infer/mod.rs;
vLLM, vllm/entrypoints/openai/protocol.py (`ErrorResponse`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from endpoints.local.model_server.engines.base import FinishReason
from endpoints.local.model_server.errors import InvocationError
from endpoints.local.model_server.limits import ServingEngine


@dataclass(frozen=True)
class Dialect:
    """How an engine's container words its answers."""

    engine: ServingEngine
    chat_endings: Mapping[FinishReason, str]
    streamed_completion_endings: Mapping[FinishReason, str]
    withholds_stop_sequence: bool  # False: the stop sequence ends the text
    serves_generate: bool
    repeats_role: bool  # in every chunk of a chat stream; else the first chunk has nothing but the role
    ends_calls: bool  # a stream of tool calls has a finish_reason
    open_ending: str | None  # the finish_reason of a completion chunk while the text goes on

    def new_id(self, prefix: str) -> str:
        """An answer's id: TGI leaves it empty."""
        return f"{prefix}-{uuid4().hex}" if self.engine is ServingEngine.VLLM else ""

    def error_body(self, error: InvocationError) -> dict[str, Any]:
        """The JSON of an error answer."""
        if self.engine is ServingEngine.TGI:
            return {"error": error.message, "error_type": error.error_type}
        kind = "BadRequestError" if error.status < 500 else "InternalServerError"
        return {"error": {"message": error.message, "type": kind, "param": None, "code": self.status(error)}}

    def status(self, error: InvocationError) -> int:
        """The status of an error answer: vLLM says 400 where TGI says 422 or 424."""
        if self.engine is ServingEngine.TGI:
            return error.status
        return {422: 400, 424: 500}.get(error.status, error.status)


TGI: Final = Dialect(
    engine=ServingEngine.TGI,
    chat_endings={**{reason: reason.value for reason in FinishReason}, FinishReason.END_OF_SEQUENCE: "stop"},
    streamed_completion_endings={reason: reason.value for reason in FinishReason},
    withholds_stop_sequence=False,
    serves_generate=True,
    repeats_role=True,
    ends_calls=False,
    open_ending="",
)
_OPENAI_ENDINGS: Final = dict.fromkeys(FinishReason, "stop") | {FinishReason.LENGTH: "length"}
VLLM: Final = Dialect(
    engine=ServingEngine.VLLM,
    chat_endings=_OPENAI_ENDINGS,
    streamed_completion_endings=_OPENAI_ENDINGS,
    withholds_stop_sequence=True,
    serves_generate=False,
    repeats_role=False,
    ends_calls=True,
    open_ending=None,
)


def dialect_of(engine: ServingEngine) -> Dialect:
    """The dialect of an engine's container."""
    return TGI if engine is ServingEngine.TGI else VLLM
