"""One exchange with an endpoint: messages of ours out, a reply of ours back, its oddities made up for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from foveal.errors import BadImage, ModelOutputError
from foveal.protocols import PictureReader
from foveal.tools.models.openai_endpoint import Endpoint
from foveal.tools.models.openai_errors import refused
from foveal.tools.models.openai_logprobs import about_tokens, cut_note
from foveal.tools.models.openai_pictures import PictureBudget, data_urls
from foveal.tools.models.openai_probe import PREFILL, Probe
from foveal.tools.models.openai_text import Shown
from foveal.tools.models.openai_wire import HEADROOM, Reply, Wire, chat
from foveal.tools.models.prices import Price
from foveal.tools.models.structured import together
from foveal.types import Generation, Message


class Exchange:
    """Sends messages over *wire*; ``found`` is what is known of the endpoint by now."""

    def __init__(
        self, wire: Wire, endpoint: Endpoint, price: Price | None, pictures: PictureReader | None, budget: PictureBudget
    ) -> None:
        self.wire = wire
        self.endpoint = endpoint
        self.price = price
        self.found: Probe | None = None
        self._pictures = pictures
        self._budget = budget

    async def answer(self, messages: Sequence[Message], max_tokens: int, **more: Any) -> Generation:
        """Return a reply in words; one that is empty for no reason is asked for once more."""
        generation = await self.once(messages, max_tokens, **more)
        if generation.text or generation.completion_tokens > 1 or more.get("stop"):
            return generation
        generation = together(generation, await self.once(messages, max_tokens, **more))
        if not generation.text:
            raise ModelOutputError(
                f"The model {self.endpoint.model} at {self.endpoint.host} gave an empty reply, twice.",
                remedy="Ask in other words, or use another model.",
            )
        return generation

    async def once(self, messages: Sequence[Message], max_tokens: int, **more: Any) -> Generation:
        """Return one reply; one that went into thoughts alone is asked for again with room for both."""
        generation, reply = await self.send(messages, max_tokens, **more)
        if reply.text or reply.finish != "length" or self.wire.dialect.headroom:
            return generation
        self.wire.dialect = replace(self.wire.dialect, headroom=HEADROOM)
        return together(generation, (await self.send(messages, max_tokens, **more))[0])

    async def send(
        self,
        messages: Sequence[Message],
        max_tokens: int,
        *,
        stop: Sequence[str] = (),
        logprobs: bool = False,
        top_logprobs: int = 0,
        response_format: Mapping[str, Any] | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> tuple[Generation, Reply]:
        """Send one request. Raises ModelRefused when the model or a filter would not answer."""
        told, begun, flags = self._begun(messages)
        body: dict[str, Any] = {"messages": await self._rendered(told), "max_tokens": max_tokens, "temperature": 0.0}
        body |= flags
        if stop:
            body["stop"] = list(stop)
        if response_format is not None:
            body["response_format"] = response_format
        if logprobs and self.found is not None and self.found.top_logprobs:
            body |= {"logprobs": True, "top_logprobs": top_logprobs or 1}
        shown = Shown(begun, stop, on_text)
        reply = await self.wire.ask(body, on_text=shown.take if on_text else None)
        if reply.refusal or reply.finish == "content_filter":
            raise refused(self.endpoint, reply.refusal, by_filter=not reply.refusal)
        reply.text = shown.finish(reply.text)
        return self._generation(messages, reply, logprobs), reply

    def _begun(self, messages: Sequence[Message]) -> tuple[Sequence[Message], str, Mapping[str, Any]]:
        """Return messages, the words that the reply may repeat at its beginning, and parameters, to go on with a last
        message of the assistant: as the endpoint can, else by asking for that beginning."""
        last = messages[-1]
        if last.role != "assistant" or self.found is None:
            return messages, "", {}
        if self.found.prefill != "none":
            return messages, last.content, PREFILL if self.found.prefill == "flag" else {}
        ask = f"Begin your reply with exactly: {last.content}"
        before = list(messages[:-1])
        if before and before[-1].role == "user":
            before[-1] = replace(before[-1], content=f"{before[-1].content}\n\n{ask}")
        else:
            before.append(Message("user", ask))
        return before, last.content, {}

    async def _rendered(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        digests = [digest for message in messages for digest in message.images]
        urls: Mapping[str, str] = {}
        if digests:
            if self._pictures is None:
                raise BadImage("No store of pictures was given to the model.")
            urls = await asyncio.to_thread(data_urls, digests, self._pictures, self._budget)
        return chat([(m.role, m.content, [urls[digest] for digest in m.images]) for m in messages])

    def _generation(self, messages: Sequence[Message], reply: Reply, logprobs: bool) -> Generation:
        """Return *reply* with its price and what is odd about it; tokens that a server does not count are estimated."""
        prompt = "\n".join(message.content for message in messages)
        pictures = any(message.images for message in messages)
        counted = reply.prompt_tokens or about_tokens(prompt)
        written = reply.completion_tokens or about_tokens(reply.text)
        total = reply.prompt_tokens + reply.completion_tokens
        cut = cut_note(self.endpoint.name, prompt, reply.prompt_tokens, total, pictures=pictures)
        broken = f"The connection to {self.endpoint.host} was lost in the middle of a reply." if reply.broken else None
        return Generation(
            text=reply.text,
            prompt_tokens=counted,
            cached_prompt_tokens=min(reply.cached_tokens, counted),
            completion_tokens=written,
            finish="broken" if reply.broken else "length" if reply.finish == "length" else "stop",
            logprob=sum(reply.logprobs) / len(reply.logprobs) if logprobs and reply.logprobs else None,
            usd=self.price.usd(counted, reply.cached_tokens, written) if self.price else 0.0,
            notes=tuple(note for note in (cut, broken) if note),
        )
