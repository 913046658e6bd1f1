"""Chat completions over the wire: one request in the dialect of an endpoint, and its reply in one form."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from foveal.errors import ModelError, ModelUnavailable
from foveal.tools.models.openai_endpoint import Endpoint
from foveal.tools.models.openai_errors import not_the_protocol, too_slow, translate, unknown_model
from foveal.tools.models.openai_retry import Retry

if TYPE_CHECKING:
    from openai import AsyncOpenAI

DROPPABLE = ("temperature", "stop", "stream_options", "chat_template_kwargs")
"""What a request can do without: endpoints that do not know such a parameter are asked without it."""
HEADROOM = 2048
"""Tokens that a model which thinks aloud is given beside those of its reply."""
_EXTRA = ("chat_template_kwargs", "continue_final_message", "add_generation_prompt")
"""Parameters of some servers that the official client does not know; what watches the client sees all the others."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How an endpoint wants to be spoken to; found out by what it refuses."""

    token_field: str = "max_tokens"
    omit: tuple[str, ...] = ()
    headroom: int = 0
    quiet: bool = False
    """Ask the chat template not to let the model think aloud."""

    def fit(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return *body* with the parameters that this endpoint knows."""
        fitted = {key: value for key, value in body.items() if key not in self.omit}
        fitted[self.token_field] = fitted.pop("max_tokens") + self.headroom
        if self.quiet:
            fitted["chat_template_kwargs"] = {"enable_thinking": False}
        return fitted

    def after(self, said: str, param: str | None, body: Mapping[str, Any]) -> Dialect | None:
        """Return how to ask instead when *body* was refused with *said*; None when that was not the reason."""
        if "max_completion_tokens" in said and self.token_field == "max_tokens":
            return replace(self, token_field="max_completion_tokens")
        for name in DROPPABLE:
            if name in body and name not in self.omit and (param == name or re.search(rf"\b{name}\b", said)):
                return replace(self, omit=(*self.omit, name), quiet=self.quiet and name != "chat_template_kwargs")
        return None


@dataclass(slots=True)
class Reply:
    """What came back. ``tops``: for each token its candidates as (text, log probability), best first."""

    text: str = ""
    finish: str = ""
    refusal: str = ""
    thought: bool = False
    tool_calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    logprobs: list[float] = field(default_factory=list)
    tops: list[list[tuple[str, float]]] = field(default_factory=list)
    broken: bool = False

    def take(self, data: Mapping[str, Any]) -> None:
        """Add a completion, or a chunk of one."""
        for choice in (data.get("choices") or ())[:1]:
            part = choice.get("message") or choice.get("delta") or {}
            content = part.get("content") or ""
            self.text += content if isinstance(content, str) else "".join(str(p.get("text") or "") for p in content)
            self.refusal += part.get("refusal") or ""
            self.thought |= bool(part.get("reasoning_content") or part.get("reasoning"))
            self.tool_calls += len(part.get("tool_calls") or ())
            for token in (choice.get("logprobs") or {}).get("content") or ():
                self.logprobs.append(float(token["logprob"]))
                top = [(str(c["token"]), float(c["logprob"])) for c in token.get("top_logprobs") or ()]
                self.tops.append(top or [(str(token["token"]), float(token["logprob"]))])
            self.finish = choice.get("finish_reason") or self.finish
        if usage := data.get("usage"):
            self.prompt_tokens = int(usage.get("prompt_tokens") or 0)
            self.completion_tokens = int(usage.get("completion_tokens") or 0)
            self.cached_tokens = int((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0)
            self.thought |= bool((usage.get("completion_tokens_details") or {}).get("reasoning_tokens"))


class Wire:
    """A connection to one endpoint, opened at the first call; safe for many calls at once in one event loop."""

    def __init__(self, endpoint: Endpoint, *, retry: Retry | None = None) -> None:
        self.endpoint = endpoint
        self.dialect = Dialect()
        self._retry = retry or Retry()
        self._client: AsyncOpenAI | None = None
        self._opening = asyncio.Lock()
        self._closed = False

    async def ask(self, body: Mapping[str, Any], *, on_text: Callable[[str], None] | None = None) -> Reply:
        """Send *body* (``messages``, ``max_tokens``, …) and return the reply; *on_text* gets raw pieces as they come.

        What the endpoint refuses and a request can do without is left out, once and for all. A stream that is lost
        after its first piece comes back ``broken``; other losses are tried again.
        Raises ModelUnavailable, ContextOverflow, RequestRefused, ModelRefused, ModelError.
        """
        import openai

        until = self._retry.clock() + self.endpoint.timeout
        try:
            async with asyncio.timeout(self.endpoint.timeout):
                while True:
                    used = self.dialect
                    fitted = used.fit(body)
                    try:
                        return await self._retry.run(partial(self._once, fitted, on_text), until=until)
                    except openai.APIStatusError as problem:
                        if self.dialect is used:  # else another call has found out meanwhile
                            wrong = problem.status_code in (400, 422)
                            learnt = used.after(str(problem.message), problem.param, fitted) if wrong else None
                            if learnt is None:
                                raise
                            self.dialect = learnt
        except TimeoutError:
            raise too_slow(self.endpoint) from None
        except openai.NotFoundError as problem:
            known = await self.models()
            if known and self.endpoint.model in known:
                raise translate(problem, self.endpoint) from None
            raise unknown_model(self.endpoint, list(known)) from None
        except (openai.OpenAIError, ValueError) as problem:
            raise translate(problem, self.endpoint) from None

    async def models(self) -> dict[str, Mapping[str, Any]]:
        """Return what the server says about each of its models; empty when it does not list them."""
        listed = await self.get(f"{self.endpoint.base_url}/models")
        rows = listed.get("data") if isinstance(listed, Mapping) else None
        return {str(row["id"]): row for row in rows or () if isinstance(row, Mapping) and "id" in row}

    async def get(self, address: str) -> Any:
        """Return the JSON at *address* on the endpoint's host; None when there is none."""
        import openai

        client = await self._opened()
        try:
            async with asyncio.timeout(min(10.0, self.endpoint.timeout)):
                return await client.get(address, cast_to=object)
        except (openai.OpenAIError, ValueError, TimeoutError):
            return None

    async def aclose(self) -> None:
        """Close the connections."""
        self._closed = True
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _opened(self) -> AsyncOpenAI:
        async with self._opening:
            if self._closed:
                raise ModelUnavailable(f"The connection to {self.endpoint.host} was closed.")
            if self._client is not None:
                return self._client
            # importing the library takes a good part of a second
            client: AsyncOpenAI = await asyncio.to_thread(self.endpoint.client)
            self._client = client
            return client

    async def _once(self, body: Mapping[str, Any], on_text: Callable[[str], None] | None) -> Reply:
        client = await self._opened()
        completions: Any = client.chat.completions
        known: dict[str, Any] = {key: value for key, value in body.items() if key not in _EXTRA}
        if extra := {key: body[key] for key in _EXTRA if key in body}:
            known["extra_body"] = extra
        reply = Reply()
        if on_text is None:
            made = await completions.create(model=self.endpoint.model, **known)
            self._absorb(made, reply)
            if not reply.finish and not reply.text:
                raise not_the_protocol(self.endpoint)
            return reply
        if "stream_options" not in self.dialect.omit:
            known["stream_options"] = {"include_usage": True}
        limit = 4 * int(body.get("max_tokens") or body.get("max_completion_tokens") or 0) + 256
        try:
            stream = await completions.create(model=self.endpoint.model, stream=True, **known)
            async with stream:
                async for chunk in stream:
                    before = len(reply.text)
                    self._absorb(chunk, reply, chunk=True)
                    if len(reply.text) > before:
                        on_text(reply.text[before:])
                    limit -= 1
                    if limit < 0:  # the server does not keep to the number of tokens
                        reply.finish = "length"
                        break
        except Exception:
            if not reply.text:
                raise
            reply.broken = True
        reply.broken |= not reply.finish
        return reply

    def _absorb(self, made: Any, reply: Reply, *, chunk: bool = False) -> None:
        """Add what the client made of the server's words to *reply*."""
        if not hasattr(made, "model_dump"):
            raise not_the_protocol(self.endpoint)
        data = made.model_dump(warnings=False)
        if error := data.get("error"):
            words = error.get("message") if isinstance(error, Mapping) else error
            raise ModelError(f"The model server failed: {self.endpoint.scrubbed(str(words))[:240]}.")
        if not data.get("choices") and not chunk:
            raise not_the_protocol(self.endpoint)
        try:
            reply.take(data)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise not_the_protocol(self.endpoint) from None


def chat(messages: Sequence[tuple[str, str, Sequence[str]]]) -> list[dict[str, Any]]:
    """Return (role, text, picture URLs) as messages of the protocol; pictures go before the text about them."""
    told: list[dict[str, Any]] = []
    for role, text, urls in messages:
        parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
        told.append({"role": role, "content": [*parts, {"type": "text", "text": text}] if parts else text})
    return told
