"""Language models in this process, on the CPU: the one that needs no key and no network, and any GGUF file for chats.

The first is Qwen2.5-Coder-1.5B-Instruct. Prompt tokens are what it costs (tens a second), so every ``task`` keeps a
slot of its own in which the beginning that its prompts share stays evaluated. Replies are greedy, and do not depend
on what was cached.

One call runs at a time. Prompts keep all cores busy as they are, replies gain a tenth at most from being written
side by side, and llama.cpp then computes other digits: a reply would depend on what else runs (benchmarks/models.py).
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from foveal.errors import BadInput, Cancelled, ContextOverflow, ModelOutputError, ModelUnavailable
from foveal.protocols import PictureReader
from foveal.tools.embed.weights import WeightStore
from foveal.tools.models.completion import SHORTEN, Completion
from foveal.tools.models.engine import EngineOptions, LlamaEngine, SeeingPrompt
from foveal.tools.models.gguf import Header, read_header
from foveal.tools.models.openmp import sleep_at_barriers
from foveal.tools.models.sizing import PLANNER_PARAMETERS, options_for
from foveal.tools.models.speech import Speech
from foveal.types import Capabilities, Generation, Message

CANDIDATES = 1000
"""How many next tokens are looked at when options are compared."""
_LEAST_ROOM = 16
_REPAIR_TOKENS = 1024
_T = TypeVar("_T")


class EmbeddedModel:
    """A GGUF model in this process; one call at a time, loaded at the first call."""

    def __init__(
        self,
        path: Path | str | None = None,
        *,
        cache_dir: Path | str | None = None,
        threads: int | None = None,
        options: EngineOptions | None = None,
        weights: WeightStore | None = None,
        projector: Path | str | None = None,
        pictures: PictureReader | None = None,
        context: int | None = None,
        plans_freely: bool | None = None,
    ) -> None:
        """*path* replaces the packaged weights; *threads* is by default every core this process may use.

        With *projector* (an mmproj file) and *pictures* the model sees. *context* is tokens; by default it is what
        :mod:`.sizing` makes of the file's header, and so is whether it *plans_freely*. A file that cannot be read
        fails at the first call.
        """
        sleep_at_barriers()
        self._path = Path(path).expanduser() if path is not None else None
        self._projector = Path(projector).expanduser() if projector is not None else None
        self._pictures = pictures if projector is not None else None
        self._weights = weights if weights is not None else WeightStore(cache_dir)
        self._header: Header | None = None
        if self._path is not None:
            with suppress(ModelUnavailable):
                self._header = read_header(self._path)
        threads = threads or available_cores()
        if options is None and self._header is not None:
            options = options_for(self._header, threads=threads, sees=self._pictures is not None, context=context)
        self.options = options or EngineOptions(threads=threads)
        self.name = f"llama:{self._path.name}" if self._path else "embedded"
        self.capabilities = Capabilities(
            vision=self._pictures is not None,
            json_schema=True,
            logprobs=True,
            context_tokens=self.options.context,
            plans_freely=self._plans_freely() if plans_freely is None else plans_freely,
        )
        self._engine: LlamaEngine | None = None
        self._speech: Speech | None = None
        self._loading = threading.Lock()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="foveal-model")
        self._first_tokens: dict[str, int] = {}
        self._closed = False

    @property
    def path(self) -> Path:
        """The GGUF file. Raises ModelUnavailable, WeightsCorrupt when the packaged one is not as it should be."""
        return self._path or self._weights.path_of("text-model")

    def _plans_freely(self) -> bool:
        return self._header is not None and self._header.parameters >= PLANNER_PARAMETERS

    async def prepare(self) -> None:
        """Nothing has to be found out: the weights are loaded at the first call."""

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
        on_text: Callable[[str], None] | None = None,
    ) -> Generation:
        """Answer greedily; see :class:`foveal.protocols.ChatModel`.

        With *schema* the whole reply is that JSON, so a last assistant message should not hold part of it, and
        *on_text* is given it in one piece. A reply that was cut off is asked for once more with more room.
        """
        say = _in_loop(on_text)

        def work(cancelled: threading.Event) -> Generation:
            def ask(room: int) -> Generation:
                done = self._complete(
                    messages, task, cancelled, max_tokens=room, stop=stop, schema=schema,
                    top=1 if logprobs else 0, on_text=say if schema is None else None,
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

        generation = await self._run(work, cancel)
        if schema is not None and on_text is not None:
            on_text(generation.text)
        return generation

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
                path = self.path
                if self._path is not None:
                    self._header = read_header(path)
                if self._projector is not None:
                    read_header(self._projector)
                engine = LlamaEngine(path, self.options, projector=self._projector)
                try:
                    self._speech = self._spoken(engine, path)
                except BaseException:
                    engine.close()
                    raise
                self._engine = engine
            return self._engine

    def _spoken(self, engine: LlamaEngine, path: Path) -> Speech:
        header = self._header
        return Speech(
            engine,
            own_template=header is not None and bool(header.template),
            control=header.control if header is not None else (),
            pictures=self._pictures,
            name="The embedded model" if self._path is None else path.name,
        )

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
        on_text: Callable[[str], None] | None = None,
    ) -> Completion:
        engine = self._loaded()
        assert self._speech is not None, "it comes with the engine"
        prompt = self._speech.prompt(messages)
        tokens = () if isinstance(prompt, SeeingPrompt) else prompt
        # What pictures take is known to the engine alone, which refuses a prompt that is too long.
        room = engine.options.context - len(tokens)
        if room < min(max_tokens, _LEAST_ROOM):
            raise ContextOverflow(
                f"The prompt is {len(tokens)} tokens; the model takes {engine.options.context}, reply included.",
                remedy=SHORTEN,
            )
        return engine.complete(
            prompt, task=task, max_tokens=min(max_tokens, room),
            stop=stop, schema=schema, top=top, cancelled=cancelled, on_text=on_text,
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
                raise Cancelled("The call was cancelled.")
            return call.result()
        finally:
            cancelled.set()
            call.cancel()  # also when the task itself was cancelled: nobody is left to hear what becomes of the call
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


def _in_loop(on_text: Callable[[str], None] | None) -> Callable[[str], None] | None:
    """Return *on_text* as it may be called from another thread."""
    if on_text is None:
        return None
    loop = asyncio.get_running_loop()

    def say(text: str) -> None:
        loop.call_soon_threadsafe(on_text, text)

    return say
