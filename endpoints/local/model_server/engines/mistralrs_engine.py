"""A model in this process, run by mistralrs on the CPU.

What one has to know about mistralrs 0.9.5 (found by trying):
- `Runner` may be entered by one thread at a time (RuntimeError "Already borrowed"), but its streams may be read by
  many at once and are batched; so requests are always streamed and only the call that starts one is locked.
- `next()` on a stream lets other Python threads run, and dropping a stream stops its generation.
- Plain text cannot be streamed with a `CompletionRequest`; so a template that passes the text through stands in for
  the model's own, which `ChatTemplate` renders.
- A stream's text loses the first token's leading space; the log probabilities still have it.
- There is no seed per request, and none at all on a CPU.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import mistralrs

from endpoints.errors import LocalError
from endpoints.local.model_server.chat_template import ChatTemplate
from endpoints.local.model_server.engines.base import (
    ChatMessage,
    Finish,
    FinishReason,
    Grammar,
    Prompt,
    Sampling,
    Step,
    Token,
    TopToken,
)
from endpoints.local.model_server.engines.bounded_schema import bounded
from endpoints.local.model_server.engines.tokens import TokenCounter
from endpoints.local.model_server.errors import GenerationError
from endpoints.local.model_source import ModelSource

MAX_SEQUENCES: Final = 16  # generated at the same time; more wait their turn
TEXT_TEMPLATE: Final = "{{ messages[0]['content'] }}"
DEFAULT_WINDOW: Final = 4096


class MistralrsEngine:
    """A model directory, loaded by mistralrs."""

    def __init__(self, source: ModelSource) -> None:
        self.model_name = source.name
        self._source = source
        self._directory = Path(source.location)
        self.window = _window(self._directory)
        self._entry = threading.Lock()
        self._runner: Any = None
        self._executor = ThreadPoolExecutor(MAX_SEQUENCES, thread_name_prefix="generation")

    def load(self) -> None:
        """Read the weights (blocking: 0.1 s for the tiny model, seconds for a real one)."""
        try:
            self._tokens = TokenCounter(self._directory)
            self._template = ChatTemplate(self._directory)
            self._end = Token(self._template.end, self._tokens.id_of(self._template.end), special=True)
            self._runner = self._start_runner()
        except BaseException as error:  # tokenizers raises bare exceptions, and mistralrs may panic
            raise LocalError(
                f"{self._source.name} cannot be loaded from {self._directory}: {_first_line(error)}",
                remedy="Choose another model (--model), or a server of your own (--backend).",
            ) from error

    def _start_runner(self) -> Any:
        # 16-bit arithmetic is emulated on most CPUs; quantised weights choose for themselves.
        dtype = mistralrs.ModelDType.Auto if self._source.quantisation else mistralrs.ModelDType.F32
        which: Any = mistralrs.Which.Plain(model_id=str(self._directory), dtype=dtype)
        with tempfile.NamedTemporaryFile("w", suffix=".jinja") as template:
            template.write(TEXT_TEMPLATE)
            template.flush()
            return mistralrs.Runner(
                which=which,
                max_seqs=MAX_SEQUENCES,
                token_source="none",  # noqa: S106 - where a token would come from: nowhere
                jinja_explicit=template.name,
                in_situ_quant=self._source.quantisation,
            )

    async def is_healthy(self) -> bool:
        """Loaded. An engine that dies takes the process along."""
        return self._runner is not None

    def prepare_text(self, text: str) -> Prompt:
        """Plain text."""
        return Prompt(text, self._tokens.count(text))

    def prepare_chat(self, messages: Sequence[ChatMessage]) -> Prompt:
        """A conversation, rendered."""
        text = self._template.render(messages)
        if self._tokens.adds_special_tokens and self._template.begin:
            text = text.removeprefix(self._template.begin)  # mistralrs adds it again
        return self.prepare_text(text)

    def truncate(self, prompt: Prompt, tokens: int) -> Prompt:
        """The last `tokens` tokens."""
        return self.prepare_text(self._tokens.last(str(prompt.content), tokens))

    async def generate(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Step]:
        """Steps, each as soon as it is there."""
        loop, cancelled = asyncio.get_running_loop(), threading.Event()
        queue: asyncio.Queue[Step | Exception] = asyncio.Queue()

        def deliver(item: Step | Exception) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is gone: the process is stopping
                loop.call_soon_threadsafe(queue.put_nowait, item)

        request = _request(prompt, sampling, self._grammar(sampling))
        self._executor.submit(self._run, request, cancelled, deliver)
        try:
            while True:
                item = await queue.get()
                if isinstance(item, Exception):
                    raise GenerationError(_first_line(item)) from item
                yield item
                if item.finish is not None:
                    return
        finally:
            cancelled.set()

    def _grammar(self, sampling: Sampling) -> Grammar | None:
        grammar = sampling.grammar
        if grammar is None or grammar.kind != "json_schema" or self._source.meaningful:
            return grammar
        return Grammar(grammar.kind, json.dumps(bounded(json.loads(grammar.text))))

    def _run(
        self, request: Any, cancelled: threading.Event, deliver: Callable[[Step | Exception], None]
    ) -> None:
        try:
            for item in self._stream(request):
                if cancelled.is_set():
                    return  # the stream is dropped, and mistralrs stops generating
                deliver(item)
        except BaseException as error:  # noqa: BLE001 - a panic in mistralrs is one; the client must be told
            deliver(error if isinstance(error, Exception) else RuntimeError(str(error)))

    def _stream(self, request: Any) -> Iterator[Step]:
        with self._entry:
            chunks = self._runner.send_chat_completion_request(request)
        seen = 0
        for chunk in chunks:
            choice = chunk.choices[0]
            token = self._token(choice, first=seen == 0)
            finish = _finish(chunk, seen + 1)
            if token is not None or finish is not None:
                seen += 1
                yield Step(token or self._end, finish)

    def _token(self, choice: Any, *, first: bool) -> Token | None:
        text, details = choice.delta.content or "", choice.logprobs
        if details is None:
            return Token(text) if text else None
        if first and details.token.lstrip() == text:
            text = details.token
        top = tuple(TopToken(top.bytes or "", top.token, top.logprob) for top in details.top_logprobs)
        return Token(text, self._tokens.id_of(details.token), details.logprob, top=top)

    async def close(self) -> None:
        """Let threads end with their streams."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _request(prompt: Prompt, sampling: Sampling, grammar: Grammar | None) -> Any:
    return mistralrs.ChatCompletionRequest(
        model="default",
        messages=[{"role": "user", "content": str(prompt.content)}],
        stream=True,
        max_tokens=sampling.max_new_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        repetition_penalty=sampling.repetition_penalty,
        frequency_penalty=sampling.frequency_penalty,
        presence_penalty=sampling.presence_penalty,
        logprobs=True,
        top_logprobs=sampling.top_n_tokens or None,
        grammar=grammar.text if grammar else None,
        grammar_type=grammar.kind if grammar else None,
    )


def _finish(chunk: Any, seen: int) -> Finish | None:
    reason = chunk.choices[0].finish_reason
    if reason is None:
        return None
    generated = int(chunk.usage.completion_tokens) if chunk.usage is not None else seen
    if reason in ("length", "model_length"):
        return Finish(FinishReason.LENGTH, generated)
    return Finish(FinishReason.END_OF_SEQUENCE, generated)


def _window(directory: Path) -> int:
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    return int(config.get("max_position_embeddings") or DEFAULT_WINDOW)


def _first_line(error: BaseException) -> str:
    """mistralrs appends a stack of its own to its messages."""
    return (str(error) or type(error).__name__).splitlines()[0]
