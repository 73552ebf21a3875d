"""What an engine cannot do: a request keeps the candidates whose engine can, and is refused where none is left.

A capability that is missing is said before a GPU is asked. Engines would pass over most of these fields in silence and
give an answer to a question that nobody asked.
"""

from __future__ import annotations

from collections.abc import Callable

from lambdas.router.choosing.choice import Choice
from lambdas.router.errors import ApiError, bad_request
from lambdas.router.route_table import Candidate, Engine

ENGINE_NAMES = {Engine.TGI: "TGI", Engine.VLLM: "vLLM"}


def unsupported(candidate: Candidate, param: str, reason: str) -> ApiError:
    """A 400: the candidate's engine cannot do what `param` asks for. `reason` is a clause about the engine."""
    engine = ENGINE_NAMES[candidate.engine]
    message = f"{param} is not possible here: {candidate.role} is served by {engine}, which {reason}."
    return bad_request(message, param=param, code="unsupported_parameter")


def keep_able(choice: Choice, refusal: Callable[[Candidate], ApiError | None]) -> Choice:
    """The choice without the candidates that cannot answer. Raises the first one's refusal where none is left."""
    refusals = {
        candidate.role: refused
        for candidate in choice.candidates
        if (refused := refusal(candidate)) is not None
    }
    if not refusals:
        return choice
    able = tuple(candidate for candidate in choice.candidates if candidate.role not in refusals)
    if able:
        return choice._replace(candidates=able, refusals=refusals)
    raise refusals[choice.candidates[0].role]
