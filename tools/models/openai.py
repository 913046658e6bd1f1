"""``openai:NAME``: a model behind any OpenAI-compatible endpoint, through the official client.

What the endpoint can do is found out once (:mod:`.openai_probe`) and kept; what it cannot do is made up for in the
open: a schema goes down a ladder (:mod:`.structured`), a reply that cannot be begun for the model is asked to begin
so, and a model without log probabilities says its choice in words. Nothing is dropped: a model that does not see
raises VisionUnsupported.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from foveal.errors import BadInput, Cancelled, VisionUnsupported
from foveal.protocols import PictureReader
from foveal.tools.models.openai_endpoint import Endpoint, endpoint_of
from foveal.tools.models.openai_exchange import Exchange
from foveal.tools.models.openai_logprobs import about_tokens, option_probabilities, said_probabilities
from foveal.tools.models.openai_pictures import PictureBudget
from foveal.tools.models.openai_probe import UNKNOWN_CONTEXT, Probe, ProbeFile, probe
from foveal.tools.models.openai_retry import Retry
from foveal.tools.models.openai_wire import Wire
from foveal.tools.models.prices import PriceTable, load_prices
from foveal.tools.models.structured import Rung, ask_structured, is_strict, together
from foveal.types import Capabilities, Generation, Message

T = TypeVar("T")
PARALLEL = 4
"""Calls that are worth having under way at once: servers batch them, or queue them."""
UNSURE = "This model gives no log probabilities: its yes or no counts as 0.9."


class OpenAIModel:
    """One model of one endpoint. Nothing is sent before :meth:`prepare` or the first call."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        cache: Path,
        pictures: PictureReader | None = None,
        prices: PriceTable | None = None,
        plans_freely: bool | None = None,
        budget: PictureBudget | None = None,
        retry: Retry | None = None,
    ) -> None:
        """*cache*: where the probe is kept. *plans_freely*: by default when its price is known and it keeps schemas."""
        self.name = endpoint.name
        self.endpoint = endpoint
        self._file = ProbeFile(cache, endpoint)
        self._price = (prices or load_prices()).of(endpoint.host, endpoint.model)
        self._plans_freely = plans_freely
        self._wire = Wire(endpoint, retry=retry)
        self._exchange = Exchange(self._wire, endpoint, self._price, pictures, budget or PictureBudget())
        self._probing = asyncio.Lock()
        self._probe: Probe | None = None
        self._known(self._file.read())

    def __repr__(self) -> str:
        return f"OpenAIModel({self.name!r})"

    async def prepare(self) -> None:
        """Find out what the model can do, unless it is known. Raises ModelUnavailable."""
        async with self._probing:
            if self._probe is None:
                await self._find_out()

    async def probe(self, *, refresh: bool = False) -> Probe:
        """Return what the model can do; with *refresh* it is found out anew. Raises ModelUnavailable."""
        async with self._probing:
            if self._probe is None or refresh:
                await self._find_out()
            assert self._probe is not None
            return self._probe

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
        """Answer greedily; see :class:`foveal.protocols.ChatModel`. A reply with a schema is not streamed.

        Raises also VisionUnsupported, ModelRefused, RequestRefused.
        """

        async def work() -> Generation:
            found = await self._ready(messages)
            if schema is None:
                return await self._exchange.answer(messages, max_tokens, stop=stop, logprobs=logprobs, on_text=on_text)

            def ask(told: Sequence[Message], rung: Rung, room: int) -> Awaitable[Generation]:
                return self._exchange.once(told, room, logprobs=logprobs, response_format=_format(rung, schema))

            rungs = [rung for rung, can in _ladder(found) if can]
            return await ask_structured(ask, messages, schema, rungs, max_tokens=max_tokens)

        return await _until(cancel, work)

    async def yes_probability(
        self,
        messages: Sequence[Message],
        *,
        yes: str = "Yes",
        no: str = "No",
        task: str = "",
        cancel: asyncio.Event | None = None,
    ) -> tuple[float, Generation]:
        """Return P(yes) / (P(yes) + P(no)) of the first token, in one call; see :meth:`choose`."""
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
        """Return how probable each of *options* is as the reply, summing to 1.

        From the candidates of the first token (:func:`.openai_logprobs.option_probabilities`). A model that gives
        none says its choice under a schema, which then counts as 0.9, and ``capabilities.notes`` says so.
        Raises BadInput when options are empty or alike.
        """
        folded = [option.strip().casefold() for option in options]
        if not all(folded) or len(set(folded)) < len(folded):
            raise BadInput(f"These options are empty or alike and cannot be told apart: {list(options)}.")

        async def work() -> tuple[list[float], Generation]:
            found = await self._ready(messages)
            if not found.top_logprobs:
                return await self._named(messages, options, found)
            first, reply = await self._exchange.send(messages, 1, logprobs=True, top_logprobs=found.top_logprobs)
            probabilities = option_probabilities(options, reply.tops)
            if probabilities is None:  # it began with a blank, or with thoughts
                second, reply = await self._exchange.send(messages, 16, logprobs=True, top_logprobs=found.top_logprobs)
                first = together(first, second)
                probabilities = option_probabilities(options, reply.tops)
            if probabilities is None:
                return await self._named(messages, options, found)
            return probabilities, _chosen(first, options, probabilities)

        return await _until(cancel, work)

    def count_tokens(self, text: str) -> int:
        """Return about how many tokens *text* is, rather too many: a token for every three bytes of UTF-8."""
        return about_tokens(text)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._wire.aclose()

    async def _find_out(self) -> None:
        found = await probe(self._wire)
        await asyncio.to_thread(self._file.write, found)
        self._known(found)

    def _known(self, found: Probe | None) -> None:
        """Take over what was found out; without it nothing is promised."""
        self._probe = self._exchange.found = found
        notes = []
        if found is not None:
            self._wire.dialect = found.dialect
            notes += [] if found.top_logprobs else [UNSURE]
        if self._price is None and not self.endpoint.is_local:
            notes.append(
                f"The price of {self.endpoint.model} at {self.endpoint.host} is not known: it counts as 0 USD."
            )
        price, can = self._price, found or Probe("", "")
        free = self._price is not None and can.json_schema
        self.capabilities = Capabilities(
            vision=can.vision,
            json_schema=can.json_schema,
            json_object=can.json_object,
            tools=can.tools,
            logprobs=can.top_logprobs > 0,
            context_tokens=can.context_tokens or UNKNOWN_CONTEXT,
            plans_freely=free if self._plans_freely is None else self._plans_freely,
            usd_in=price.prompt if price else 0.0,
            usd_out=price.written if price else 0.0,
            parallel=PARALLEL,
            notes=tuple(notes),
        )

    async def _ready(self, messages: Sequence[Message]) -> Probe:
        if not messages:
            raise BadInput("A model needs at least one message.")
        found = self._probe or await self.probe()
        if not found.vision and any(message.images for message in messages):
            raise VisionUnsupported(
                f"The model {self.endpoint.model} at {self.endpoint.host} cannot see pictures.",
                remedy="Use a model that sees; if this one does, run `foveal models probe SPEC --refresh`.",
            )
        return found

    async def _named(
        self, messages: Sequence[Message], options: Sequence[str], found: Probe
    ) -> tuple[list[float], Generation]:
        """Return the choice that the model names under a schema, with the probabilities that stand for it."""
        schema = {
            "type": "object",
            "properties": {"answer": {"type": "string", "enum": list(options)}},
            "required": ["answer"],
            "additionalProperties": False,
        }

        def ask(told: Sequence[Message], rung: Rung, room: int) -> Awaitable[Generation]:
            return self._exchange.once(told, room, response_format=_format(rung, schema))

        rungs = [rung for rung, can in _ladder(found) if can]
        generation = await ask_structured(ask, messages, schema, rungs, max_tokens=32)
        probabilities = said_probabilities(options, generation.parsed["answer"])
        return probabilities, _chosen(generation, options, probabilities)


def make_openai_model(argument: str, settings: Any, pictures: PictureReader | None) -> OpenAIModel:
    """Return the model of the spec ``openai:`` + *argument*. Raises BadConfig."""
    return OpenAIModel(
        endpoint_of(argument, settings),
        cache=settings.cache,
        pictures=pictures,
        prices=load_prices(settings.prices),
        plans_freely=settings.plans_freely,
    )


def _chosen(generation: Generation, options: Sequence[str], probabilities: Sequence[float]) -> Generation:
    best = max(range(len(options)), key=probabilities.__getitem__)
    return replace(generation, text=options[best], parsed=None, logprob=math.log(max(probabilities[best], 1e-12)))


def _ladder(found: Probe) -> tuple[tuple[Rung, bool], ...]:
    return ("json_schema", found.json_schema), ("json_object", found.json_object), ("text", True)


def _format(rung: Rung, schema: Mapping[str, Any]) -> dict[str, Any] | None:
    if rung == "json_schema":
        told = {"name": "reply", "strict": is_strict(schema), "schema": dict(schema)}
        return {"type": "json_schema", "json_schema": told}
    return {"type": "json_object"} if rung == "json_object" else None


async def _until(cancel: asyncio.Event | None, work: Callable[[], Awaitable[T]]) -> T:
    """Return what *work* does, unless *cancel* is set first: then it is stopped and Cancelled is raised."""
    if cancel is None:
        return await work()
    if cancel.is_set():
        raise Cancelled("The call was cancelled.")
    call, watch = asyncio.ensure_future(work()), asyncio.ensure_future(cancel.wait())
    try:
        await asyncio.wait({call, watch}, return_when=asyncio.FIRST_COMPLETED)
        if call.done():
            return call.result()
        raise Cancelled("The call was cancelled.")
    finally:
        watch.cancel()
        if not call.done():
            call.cancel()
            with suppress(asyncio.CancelledError):
                await call
