"""Models of transformers: a folder or a name on the Hugging Face hub, on the GPU when there is one.

Language models and models that see, through their own chat templates. Calls that come together and hold no pictures
are decoded as one batch. Nothing of a checkpoint is run but its weights.
"""

from __future__ import annotations

import asyncio
import json
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

from foveal.errors import BadInput, Cancelled, ContextOverflow, ModelError, ModelOutputError, VisionUnsupported
from foveal.protocols import PictureReader
from foveal.tools.models.embedded import option_probabilities
from foveal.tools.models.hf_batch import Batcher, Job
from foveal.tools.models.hf_card import Card, locate, read_card
from foveal.tools.models.hf_constrain import JsonGrammars
from foveal.tools.models.hf_decode import Row, decode
from foveal.tools.models.hf_load import Loaded, load, load_tokenizer, out_of_memory
from foveal.tools.models.hf_prompt import Prompter, encode
from foveal.types import Capabilities, Generation, Message

STRONG = 7_000_000_000
"""Parameters from which on a model is let plan without the guided skeleton."""
SHORTEN = "Ask a shorter question, or use fewer or shorter passages."
_LEAST_ROOM = 16
_REPAIR_TOKENS = 1024


@dataclass(frozen=True, slots=True)
class _Ask:
    """What a call wants; prepared on the worker's thread, where tokenizer and model are."""

    messages: tuple[Message, ...]
    max_tokens: int = 1
    stop: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None
    options: tuple[str, ...] = ()
    logprobs: bool = False
    emit: Callable[[str], None] | None = None


@dataclass(frozen=True, slots=True)
class _Begun:
    """A job with its row, and the first tokens of its options, ``[form][option]``."""

    job: Job[_Ask]
    row: Row
    forms: list[list[int]]

    def tell(self) -> None:
        """Settle the job with what became of the row."""
        if self.row.finish == "cancelled":
            self.job.result.set_exception(Cancelled("The call was cancelled."))
        else:
            self.job.result.set_result((self.row, self.forms) if self.job.work.options else self.row)


class HfModel:
    """A checkpoint, loaded at the first call, worked by one thread."""

    def __init__(
        self,
        source: str,
        *,
        pictures: PictureReader | None = None,
        device: str = "auto",
        dtype: str = "auto",
        batch: int = 8,
        threads: int | None = None,
        plans_freely: bool | None = None,
    ) -> None:
        """*source*: folder or hub name; *device* and *dtype*: see :func:`~.hf_memory.choose_place`; *batch*: most
        calls decoded at once (1: replies never depend on each other, not even by rounding).

        Only config.json and the heads of the weights are read. Raises BadConfig, ModelUnavailable, WeightsCorrupt.
        """
        self.card: Card = read_card(source)
        self.name = f"hf:{self.card.name}"
        self.capabilities = Capabilities(
            vision=self.card.vision,
            json_schema=True,
            logprobs=True,
            context_tokens=self.card.context,
            plans_freely=self.card.parameters >= STRONG if plans_freely is None else plans_freely,
        )
        self._pictures = pictures
        self._device, self._dtype, self._threads = device, dtype, threads
        self._batcher: Batcher[_Ask] = Batcher(self._work, size=batch)
        self._reading = threading.Lock()
        self._words: tuple[Path, Any, Any] | None = None
        self._loaded: Loaded | None = None
        self._prompter: Prompter | None = None
        self._grammars: JsonGrammars | None = None

    async def prepare(self) -> None:
        """Nothing to find out: the checkpoint's files were read."""

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

        With *schema* the whole reply is that JSON, and one that was cut off is asked for once more with more room;
        *on_text* is then given the reply in one piece.
        """
        streamed = on_text is not None and schema is None
        emit = _in_loop(on_text) if on_text is not None and streamed else None
        ask = _Ask(tuple(messages), max_tokens, tuple(stop), schema, logprobs=logprobs, emit=emit)
        first = _generation(await self._do(ask, cancel), logprobs)
        if schema is None:
            return first
        parsed = _json(first.text)
        whole = first
        if parsed is None:
            again = replace(ask, max_tokens=max(2 * max_tokens, _REPAIR_TOKENS))
            second = _generation(await self._do(again, cancel), logprobs)
            whole = replace(
                second,
                prompt_tokens=first.prompt_tokens + second.prompt_tokens,
                completion_tokens=first.completion_tokens + second.completion_tokens,
            )
            parsed = _json(second.text)
        if parsed is None:
            told = f" to {task!r}" if task else ""
            raise ModelOutputError(f"The model's reply{told} is not the JSON that was asked for: {whole.text[:160]!r}…")
        if on_text is not None:
            on_text(whole.text)
        return replace(whole, parsed=parsed[0])

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
        row, forms = await self._do(_Ask(tuple(messages), options=tuple(options)), cancel)
        probabilities = option_probabilities(forms, list(row.scores.items()))
        best = max(range(len(options)), key=probabilities.__getitem__)
        logprob = math.log(max(probabilities[best], 1e-12))
        told = Generation(options[best], prompt_tokens=len(row.prompt.ids), completion_tokens=1, logprob=logprob)
        return probabilities, told

    def count_tokens(self, text: str) -> int:
        """Return how many tokens *text* is; loads the tokenizer if need be."""
        _, tokenizer, _ = self._read_words()
        with self._reading:
            return len(encode(tokenizer, text, [(0, len(text))]))

    async def aclose(self) -> None:
        """Free the model; a running call is waited for."""
        await self._batcher.aclose()
        self._loaded = self._grammars = self._prompter = self._words = None

    async def _do(self, ask: _Ask, cancel: asyncio.Event | None) -> Any:
        """Return the row of *ask* with its reply; with options also the tokens that they begin with."""
        if not self.card.vision and any(message.images for message in ask.messages):
            raise VisionUnsupported(
                f"The model {self.name} cannot see pictures.",
                remedy="Describe the picture in words, or use a model that sees.",
            )
        kind = None if any(m.images for m in ask.messages) else "choice" if ask.options else "text"
        return await self._batcher.do(Job(kind, ask), cancel)

    def _work(self, jobs: Sequence[Job[_Ask]]) -> None:
        """Settle *jobs*. What is wrong with one is told to its caller alone."""
        self._load()
        begun: list[_Begun] = []
        for job in jobs:
            try:
                begun.append(self._begin(job))
            except Exception as problem:
                job.result.set_exception(problem)
        if begun:
            self._settle(begun)

    def _begin(self, job: Job[_Ask]) -> _Begun:
        """Return a job with its prompt written. Raises what is wrong with it."""
        ask = job.work
        assert self._loaded is not None and self._prompter is not None and self._grammars is not None
        if job.cancelled.is_set():
            raise Cancelled("The call was cancelled.")
        digests = [image for message in ask.messages for image in message.images]
        if digests and self._pictures is None:
            raise ModelError(f"{self.name} was given pictures, but no store to read them from.")
        with self._reading:
            read = self._pictures
            prompt = self._prompter.prompt(ask.messages, [read(digest) for digest in digests] if read else ())
            forms = first_forms(self._loaded.tokenizer, ask.options) if ask.options else []
        room = self.card.context - len(prompt.ids)
        if room < min(ask.max_tokens, _LEAST_ROOM):
            raise ContextOverflow(
                f"The prompt is {len(prompt.ids)} tokens; the model takes {self.card.context}, reply included.",
                remedy=SHORTEN,
            )
        matcher = self._grammars.matcher(ask.schema) if ask.schema is not None else None
        wanted = tuple({token for form in forms for token in form})
        room = min(ask.max_tokens, room)
        return _Begun(job, Row(prompt, room, ask.stop, matcher, wanted, ask.logprobs, job.cancelled, ask.emit), forms)

    def _settle(self, begun: list[_Begun]) -> None:
        """Write the replies, in smaller batches when memory does not suffice for all at once."""
        assert self._loaded is not None
        rows = [one.row for one in begun]
        try:
            decode(self._loaded, rows)
        except Exception as problem:
            if not out_of_memory(problem):
                raise
            told = f"{self.name} ran out of memory on {self._loaded.place.device}"
        else:
            for one in begun:
                one.tell()
            return
        if self._loaded.place.device.startswith("cuda"):  # outside of the handler, whose traceback holds tensors
            import torch

            torch.cuda.empty_cache()
        if len(begun) == 1:
            remedy = f"{SHORTEN} A smaller model, or hf_dtype bfloat16, leaves more room."
            error = ModelError(f"{told} with a prompt of {len(rows[0].prompt.ids)} tokens.", remedy=remedy)
            begun[0].job.result.set_exception(error)
            return
        for row in rows:
            row.restart()
        half = len(begun) // 2
        self._settle(begun[:half])
        self._settle(begun[half:])

    def _read_words(self) -> tuple[Path, Any, Any]:
        """Return the folder, the tokenizer and the processor, loading them once."""
        with self._reading:
            if self._words is None:
                folder = locate(self.card)
                self._words = folder, *load_tokenizer(self.card, folder)
            return self._words

    def _load(self) -> None:
        if self._loaded is not None:
            return
        import torch

        if self._threads is not None:
            torch.set_num_threads(self._threads)
        folder, tokenizer, processor = self._read_words()
        self._prompter = Prompter(self.name, tokenizer, processor)
        loaded = load(self.card, folder, tokenizer, processor, device=self._device, dtype=self._dtype)
        self._grammars = JsonGrammars(tokenizer, vocabulary=loaded.vocabulary, ends=loaded.ends)
        self._loaded = loaded


def first_forms(tokenizer: Any, options: Sequence[str]) -> list[list[int]]:
    """Return the first tokens of *options*, bare, after a space and after a line, without a form in which two agree.

    Tokenizers differ in what they put before a word that begins a text; after a line there is nothing.
    Raises BadInput when no form tells the options apart.
    """

    def tokens(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    line = tokens("\n")
    forms: list[list[int]] = []
    for lead, before in (("", []), (" ", []), ("\n", line)):
        first = []
        for option in options:
            ids = tokens(lead + option)
            ids = ids[len(before) :] if ids[: len(before)] == before else []
            if not option.strip():
                raise BadInput("An option to choose from is empty.")
            first += ids[:1]
        if len(set(first)) == len(options) and first not in forms:
            forms.append(first)
    if not forms:
        raise BadInput(f"These options begin alike and cannot be told apart: {list(options)}.")
    return forms


def _in_loop(on_text: Callable[[str], None]) -> Callable[[str], None]:
    """Return what calls *on_text* from the running event loop, before the call's result arrives there."""
    loop = asyncio.get_running_loop()
    return lambda piece: cast(None, loop.call_soon_threadsafe(on_text, piece))


def _generation(row: Row, logprobs: bool) -> Generation:
    return Generation(
        text=row.text,
        prompt_tokens=len(row.prompt.ids),
        completion_tokens=len(row.tokens),
        finish=cast(Literal["stop", "length"], row.finish),
        logprob=row.logprob if logprobs and row.tokens else None,
    )


def _json(text: str) -> tuple[Any] | None:
    """Return what *text* says as JSON, boxed (it may be null); None when it is cut off."""
    try:
        return (json.loads(text),)
    except ValueError:
        return None
