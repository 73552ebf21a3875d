"""Whether a prompt certainly does not fit a model's context: a lower bound of its tokens, cheap and without a
tokenizer.

What might fit is never refused here; the engine counts exactly. The bound holds for the tokenizers of the
catalogue's families (Llama 3, Qwen 2.5: byte-level BPE behind a splitting pattern; Mistral, Mixtral, Phi-3:
SentencePiece BPE split by whitespace): no token reaches over whitespace from one word into the next, and none is
longer than 128 bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lambdas.router.errors import ApiError, context_exceeded
from lambdas.router.route_table import Candidate, Engine

LONGEST_TOKEN_BYTES = 128  # a run of 128 spaces, in the vocabularies of Llama 3 and Qwen 2.5


class Prompt(NamedTuple):
    """How long a request's prompt is. `least_tokens` is 0 where it is too short for any candidate to mind."""

    chars: int
    least_tokens: int

    def refusal(self, candidate: Candidate, param: str) -> ApiError | None:
        """A 400 where the prompt certainly does not fit the candidate's context."""
        most = _most_input_tokens(candidate)
        if self.least_tokens <= most:
            return None
        held = f"{candidate.role} ({candidate.model_id}) takes {most}"
        message = f"The prompt has at least {self.least_tokens} tokens; {held}."
        return context_exceeded(message, param=param)


def measure(texts: Sequence[str], candidates: Iterable[Candidate]) -> Prompt:
    """The length of a prompt that one of `candidates` is to read."""
    chars = sum(map(len, texts))
    shortest = min(map(_most_input_tokens, candidates))
    # n characters are at most (n+1)/2 words and 4n bytes: fewer than this exceed no bound, and need no counting.
    return Prompt(chars, 0 if chars < 2 * shortest - len(texts) else sum(map(_least_tokens, texts)))


def _most_input_tokens(candidate: Candidate) -> int:
    """TGI has a limit of its own for prompts; vLLM wants room for one token of answer."""
    if candidate.engine is Engine.TGI:
        return candidate.max_input_tokens
    return candidate.max_total_tokens - 1


def _least_tokens(text: str) -> int:
    return max(len(text.split()), len(text.encode("utf-8", "surrogatepass")) // LONGEST_TOKEN_BYTES)
