"""The language model that needs no key and no network: Qwen2.5-Coder-1.5B-Instruct on the CPU.

Prompt tokens are what it costs (tens a second), so every ``task`` keeps a slot of its own in which the
beginning that its prompts share stays evaluated. Replies are greedy, and do not depend on what was cached.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from foveal.errors import BadInput, Cancelled, ContextOverflow, ModelOutputError, ModelUnavailable
from foveal.tools.embed.weights import WeightStore
from foveal.tools.models.chatml import render
from foveal.tools.models.engine import SHORTEN, Completion, EngineOptions, LlamaEngine
from foveal.tools.models.openmp import sleep_at_barriers
from foveal.types import Capabilities, Generation, Message

CANDIDATES = 1000
"""How many next tokens are looked at when options are compared."""
_LEAST_ROOM = 16
_REPAIR_TOKENS = 1024
_T = TypeVar("_T")


class EmbeddedModel:
    """A GGUF model that speaks ChatML, in this process; one call at a time, loaded at the first call."""

    def __init__(
        self,
        path: Path | str | None = None,
        *,
        cache_dir: Path | str | None = None,
        threads: int | None = None,
        options: EngineOptions | None = None,
        weights: WeightStore | None = None,
    ) -> None:
        """*path* replaces the packaged weights; *threads* is by default every core this process may use."""
        sleep_at_barriers()
        self._path = Path(path).expanduser() if path is not None else None
        self._weights = weights if weights is not None else WeightStore(cache_dir)
        self.options = options or EngineOptions(threads=threads or available_cores())
        self.name = f"llama:{self._path.name}" if self._path else "embedded"
        self.capabilities = Capabilities(json_schema=True, logprobs=True, context_tokens=self.options.context)
        self._engine: LlamaEngine | None = None
        self._loading = threading.Lock()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="foveal-model")
        self._first_tokens: dict[str, int] = {}
        self._closed = False

    async def generate(
        self,
        messages: Sequence[Message],
        *,
        schema: Mapping[str, Any] | None = None,
        max_tokens: int = 256,
        stop: Sequence[str] = (),
        logprobs: bool = False,
        task: str = "",
        cancel: asyncio.Event | None = None,
    ) -> Generation:
        """Answer greedily; see :class:`foveal.protocols.ChatModel`.

        With *schema* the whole reply is that JSON, so a last assistant message should not hold part of it.
        A reply that was cut off is asked for once more with more room.
        """

        def work(cancelled: threading.Event) -> Generation:
            def ask(room: int) -> Generation:
                done = self._complete(
                    messages, task, cancelled,
                    max_tokens=room, stop=stop, schema=schema, top=1 if logprobs else 0,
                )  # fmt: skip
                return _generation(done, logprobs)

            first = ask(max_tokens)
            if schema is None:
                return first
            try:
                return replace(first, parsed=json.loads(first.text))
            except ValueError:
                second = ask(max(2 * max_tokens, _REPAIR_TOKENS))
            both = replace(
                second,
                prompt_tokens=first.prompt_tokens + second.prompt_tokens,
                cached_prompt_tokens=first.cached_prompt_tokens + second.cached_prompt_tokens,
                completion_tokens=first.completion_tokens + second.completion_tokens,
            )
            try:
                return replace(both, parsed=json.loads(second.text))
            except ValueError as problem:
                raise ModelOutputError(
                    f"The model's reply{f' to {task!r}' if task else ''} is not the JSON that was asked "
                    f"for: {second.text[:160]!r}…"
                ) from problem

        return await self._run(work, cancel)

    async def yes_probability(
        self,
        messages: Sequence[Message],
        *,
        yes: str = "Yes",
        no: str = "No",
        task: str = "",
        cancel: asyncio.Event | None = None,
    ) -> tuple[float, Generation]:
        """Return softmax([logit_yes, logit_no])[0] of the next token, in one forward pass."""
        probabilities, generation = await self.choose(messages, (yes, no), task=task, cancel=cancel)
        return probabilities[0], generation

    async def choose(
        self,
        messages: Sequence[Message],
        options: Sequence[str],
        *,
        task: str = "",
        cancel: asyncio.Event | None = None,
    ) -> tuple[list[float], Generation]:
        """Return how probable each of *options* is as the reply, summing to 1, in one forward pass.

        Options are told apart by their first token, with or without a leading space, whichever the model
        prefers here. The text of the Generation is the most probable option.
        Raises BadInput when two options begin with the same token.
        """

        def work(cancelled: threading.Event) -> tuple[list[float], Generation]:
            forms = self._first_forms(options)
            done = self._complete(messages, task, cancelled, max_tokens=1, top=CANDIDATES)
            probabilities = option_probabilities(forms, done.top[0] if done.top else ())
            best = max(range(len(options)), key=probabilities.__getitem__)
            generation = replace(
                _generation(done, False),
                text=options[best],
                logprob=math.log(max(probabilities[best], 1e-12)),
            )
            return probabilities, generation

        return await self._run(work, cancel)

    def count_tokens(self, text: str) -> int:
        """Return how many tokens *text* is; loads the model if need be."""
        return len(self._loaded().tokenize(text, special=False))

    async def aclose(self) -> None:
        """Free the model; a running call is waited for."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)
            if self._engine is not None:
                await asyncio.to_thread(self._engine.close)
                self._engine = None

    def _loaded(self) -> LlamaEngine:
        with self._loading:
            if self._closed:
                raise ModelUnavailable("The language model was closed.")
            if self._engine is None:
                path = self._weights.path_of("text-model") if self._path is None else _gguf(self._path)
                engine = LlamaEngine(path, self.options)
                if len(engine.tokenize("<|im_start|>", special=True)) != 1:
                    engine.close()
                    raise ModelUnavailable(
                        f"{path.name} does not speak ChatML.",
                        remedy="Use a Qwen2.5 model, or another that was trained on ChatML.",
                    )
                self._engine = engine
            return self._engine

    def _complete(
        self,
        messages: Sequence[Message],
        task: str,
        cancelled: threading.Event,
        *,
        max_tokens: int,
        stop: Sequence[str] = (),
        schema: Mapping[str, Any] | None = None,
        top: int = 0,
    ) -> Completion:
        engine = self._loaded()
        tokens: list[int] = []
        for piece in render(messages):
            tokens += engine.tokenize(piece.text, special=piece.markup)
        room = engine.options.context - len(tokens)
        if room < min(max_tokens, _LEAST_ROOM):
            raise ContextOverflow(
                f"The prompt is {len(tokens)} tokens; the model takes {engine.options.context}, reply included.",
                remedy=SHORTEN,
            )
        return engine.complete(
            tokens, task=task, max_tokens=min(max_tokens, room),
            stop=stop, schema=schema, top=top, cancelled=cancelled,
        )  # fmt: skip

    def _first_forms(self, options: Sequence[str]) -> list[list[int]]:
        """First tokens of the options, bare and after a space, without a form that cannot tell them apart."""
        forms = []
        for lead in ("", " "):
            first = []
            for option in options:
                word = lead + option
                if word not in self._first_tokens:
                    tokens = self._loaded().tokenize(word, special=False)
                    if not tokens:
                        raise BadInput("An option to choose from is empty.")
                    self._first_tokens[word] = tokens[0]
                first.append(self._first_tokens[word])
            if len(set(first)) == len(first):
                forms.append(first)
        if not forms:
            raise BadInput(f"These options begin alike and cannot be told apart: {list(options)}.")
        return forms

    async def _run(self, work: Callable[[threading.Event], _T], cancel: asyncio.Event | None) -> _T:
        """Run *work* after the calls before it; stop it when *cancel* is set or the task is cancelled."""
        if self._closed:
            raise ModelUnavailable("The language model was closed.")
        cancelled = threading.Event()
        call = asyncio.wrap_future(self._executor.submit(work, cancelled))
        watch = asyncio.ensure_future(cancel.wait()) if cancel is not None else None
        try:
            waited: set[asyncio.Future[Any]] = {call} if watch is None else {call, watch}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if not call.done():
                cancelled.set()
                call.cancel()
                raise Cancelled("The call was cancelled.")
            return call.result()
        finally:
            cancelled.set()
            if watch is not None:
                watch.cancel()


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


def option_probabilities(forms: Sequence[Sequence[int]], candidates: Sequence[tuple[int, float]]) -> list[float]:
    """Return the softmax over options of their log probabilities among *candidates*.

    *forms*: alternative spellings of all options as token ids, ``[form][option]``; the form with the most
    probability in all is used. An option that is no candidate counts as e times less probable than the last.
    """
    known = dict(candidates)
    floor = min(known.values(), default=0.0) - 1.0
    rows = [[known.get(token, floor) for token in form] for form in forms]
    best = max(rows, key=lambda row: sum(math.exp(value) for value in row))
    top = max(best)
    weights = [math.exp(value - top) for value in best]
    return [weight / sum(weights) for weight in weights]


def _generation(done: Completion, logprobs: bool) -> Generation:
    mean = sum(done.logprobs) / len(done.logprobs) if logprobs and done.logprobs else None
    return Generation(
        text=done.text,
        prompt_tokens=done.prompt_tokens,
        cached_prompt_tokens=done.cached_tokens,
        completion_tokens=done.completion_tokens,
        finish=done.finish,
        logprob=mean,
    )


def _gguf(path: Path) -> Path:
    try:
        with path.open("rb") as file:
            if file.read(4) == b"GGUF":
                return path
    except OSError as problem:
        raise ModelUnavailable(
            f"The model file {path} cannot be read: {problem.strerror}.",
            remedy="Check the path after llama:.",
        ) from problem
    raise ModelUnavailable(f"{path} is not a GGUF file.", remedy="Give a model in the GGUF format.")
