"""One budget that holds: every model and tool call passes the meter before it is made.

Parallel branches share the meter, so that they cannot overspend together. A part of the calls, tokens and
time is kept back for the ending.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, TypeVar

from foveal.errors import BudgetExceeded
from foveal.protocols import ChatModel
from foveal.types import Budget, Capabilities, Generation, Message, Usage

T = TypeVar("T")
RESERVE = 0.15
"""Share of tokens and time that only the ending may spend."""


class Meter:
    """Counts what a run spends and refuses what its budget does not cover."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.usage = Usage()
        self._started = time.monotonic()
        self._models = 0
        self._tools = 0

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._started

    def seconds_left(self) -> float | None:
        """Return how long a call may still take; None when time is no limit."""
        return None if self.budget.seconds is None else max(0.0, self.budget.seconds - self.elapsed)

    def exhausted(self, *, ending: bool = False) -> str | None:
        """Return which limit leaves no room for one more call, or None. The ending may use the reserve."""
        share = 1.0 if ending else 1.0 - RESERVE
        limits = self.budget
        if limits.model_calls is not None and self._models >= limits.model_calls:
            return "model_calls"
        if (
            limits.tokens is not None
            and self.usage.prompt_tokens + self.usage.completion_tokens >= share * limits.tokens
        ):
            return "tokens"
        if limits.usd is not None and self.usage.usd >= limits.usd > 0:
            return "usd"
        if limits.seconds is not None and self.elapsed >= share * limits.seconds:
            return "seconds"
        return None

    def begin_model_call(self, *, ending: bool = False) -> None:
        """Reserve one model call. Raises BudgetExceeded."""
        if limit := self.exhausted(ending=ending):
            raise BudgetExceeded(f"The budget of {limit} is spent.", remedy="Raise it, or choose --profile deep.")
        self._models += 1

    def end_model_call(self, call: Generation) -> None:
        """Account for a finished model call."""
        self.usage.model_calls += 1
        self.usage.prompt_tokens += call.prompt_tokens
        self.usage.cached_prompt_tokens += call.cached_prompt_tokens
        self.usage.completion_tokens += call.completion_tokens
        self.usage.usd += call.usd

    def begin_tool_call(self, name: str) -> None:
        """Reserve and count one tool call. Raises BudgetExceeded."""
        limits = self.budget
        late = limits.seconds is not None and self.elapsed >= (1.0 - RESERVE) * limits.seconds
        if late or (limits.tool_calls is not None and self._tools >= limits.tool_calls):
            raise BudgetExceeded(f"The budget of {'seconds' if late else 'tool_calls'} is spent.")
        self._tools += 1
        self.usage.tool_calls[name] = self.usage.tool_calls.get(name, 0) + 1

    def total(self) -> Usage:
        """Return what was spent, with the wall time so far."""
        self.usage.seconds = round(self.elapsed, 3)
        return self.usage


class MeteredModel:
    """A chat model whose every call passes a meter."""

    def __init__(self, model: ChatModel, meter: Meter) -> None:
        self._model = model
        self._meter = meter
        self.name = model.name
        self.capabilities: Capabilities = model.capabilities

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
        """Pass the call on; see :class:`foveal.protocols.ChatModel`. Raises BudgetExceeded."""
        self._meter.begin_model_call()
        call = await self._in_time(
            self._model.generate(
                messages, schema=schema, max_tokens=max_tokens, stop=stop, logprobs=logprobs, task=task, cancel=cancel
            )
        )
        self._meter.end_model_call(call)
        return call

    async def yes_probability(
        self,
        messages: Sequence[Message],
        *,
        yes: str = "Yes",
        no: str = "No",
        task: str = "",
        cancel: asyncio.Event | None = None,
    ) -> tuple[float, Generation]:
        """Pass the call on. Raises BudgetExceeded."""
        self._meter.begin_model_call()
        probability, call = await self._in_time(
            self._model.yes_probability(messages, yes=yes, no=no, task=task, cancel=cancel)
        )
        self._meter.end_model_call(call)
        return probability, call

    async def choose(
        self,
        messages: Sequence[Message],
        options: Sequence[str],
        *,
        task: str = "",
        cancel: asyncio.Event | None = None,
    ) -> tuple[list[float], Generation]:
        """Pass the call on. Raises BudgetExceeded."""
        self._meter.begin_model_call()
        probabilities, call = await self._in_time(self._model.choose(messages, options, task=task, cancel=cancel))
        self._meter.end_model_call(call)
        return probabilities, call

    async def _in_time(self, call: Awaitable[T]) -> T:
        """Wait for *call* no longer than the run's time allows; a call that is cut off is cancelled."""
        try:
            async with asyncio.timeout(self._meter.seconds_left()):
                return await call
        except TimeoutError:
            raise BudgetExceeded("The budget of seconds is spent.", remedy="Give more time with --deadline.") from None

    def count_tokens(self, text: str) -> int:
        """Return how many tokens *text* is."""
        return self._model.count_tokens(text)

    async def aclose(self) -> None:
        """Leave the model to its owner: many runs share it."""
