"""One budget that holds: every model and tool call passes the meter, which keeps it in the run's journal.

What was spent is added up from the journal, so a resumed run goes on with what is left. Parallel branches share
the meter; a call reserves the most it may cost before it is made, so they cannot overspend together. A part of the
tokens and the time is kept back for the ending.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from foveal.errors import ENDING, BudgetExceeded, FovealError
from foveal.protocols import ChatModel
from foveal.tools.runs import codec
from foveal.tools.runs.journal import CallRecord, Journal, request_key
from foveal.tools.runs.pace import Pace
from foveal.types import Budget, Capabilities, Generation, Message, ToolOutcome, Usage

T = TypeVar("T")
RESERVE = 0.15
"""Share of tokens and time that only the ending may spend."""
MORE = "Raise it, or choose --profile deep."
MORE_TIME = "Give more time with --deadline."
AROUND = 16
"""Most tokens that a chat format puts around one message."""


@dataclass(frozen=True, slots=True, eq=False)
class Need:
    """The most that a call may cost."""

    kind: Literal["model", "tool"]
    tokens: int = 0
    usd: float = 0.0


class Meter:
    """Lets calls through as far as the budget covers them; *pace* is the run's clock."""

    def __init__(self, budget: Budget, journal: Journal | None = None, *, pace: Pace | None = None) -> None:
        self.budget = budget
        self.journal = journal or Journal()
        self.pace = pace or Pace()
        self.fence = ""
        """The run's code for marks around data: see :mod:`foveal.agents.fence`."""
        self.notes: dict[str, None] = {}
        """What the user should know of the model calls, each once, in order."""
        self._open: list[Need] = []
        self._ended = asyncio.Event()

    @property
    def elapsed(self) -> float:
        """Seconds since the run began, those between an interruption and the resume left out."""
        return self.pace.now()

    @property
    def usage(self) -> Usage:
        """What the calls cost so far, without the wall time."""
        return self.journal.spent

    def total(self) -> Usage:
        """Return what was spent, with the wall time so far."""
        spent = self.usage
        roles = {role: replace(of_role) for role, of_role in spent.roles.items()}
        return replace(spent, tool_calls={**spent.tool_calls}, roles=roles, seconds=round(self.elapsed, 3))

    def seconds_left(self) -> float | None:
        """Return how long a call may still take; None when time is no limit."""
        return None if self.budget.seconds is None else max(0.0, self.budget.seconds - self.elapsed)

    def exhausted(self, *, ending: bool = False) -> str | None:
        """Return which limit leaves no room for one more model call, or None. The ending may use the reserve."""
        share = 1.0 if ending else 1.0 - RESERVE
        limits, spent = self.budget, self.usage
        if limits.model_calls is not None and spent.model_calls + self._under_way("model") >= limits.model_calls:
            return "model_calls"
        if limits.tokens is not None and spent.prompt_tokens + spent.completion_tokens >= share * limits.tokens:
            return "tokens"
        if limits.usd is not None and spent.usd >= limits.usd > 0:
            return "usd"
        return self._late(share)

    async def call(
        self,
        need: Need,
        key: str,
        name: str,
        step: str,
        make: Callable[[], Awaitable[T]],
        told: Callable[[T], tuple[str, str, Generation | None]],
        recalled: Callable[[str], T],
        *,
        role: str = "",
        ending: bool = False,
    ) -> tuple[T, bool]:
        """Make a call once: return its result and whether it was given back from an equal one.

        *told* gives a result's status, its JSON and the tokens; *recalled* turns the JSON into the result.
        Raises BudgetExceeded, TimeoutError when the run's time ended meanwhile, and whatever *make* raises.
        """
        called = f"{need.kind} {name} {step}"
        await self.pace.moment(f"asking {called}")
        async with self.journal.one_at_a_time(key):
            if entry := self.journal.give_back(key, step=step, at=round(self.elapsed, 3)):
                await self.pace.moment(f"given back {called}")
                return recalled(entry.reply or ""), True
            await self._admit(need, ending, called)
            started, status, reply, cost = self.elapsed, "error", None, None
            try:
                async with self.pace.limit(self.seconds_left()):
                    result = await make()
                status, reply, cost = told(result)
            except asyncio.CancelledError:
                status = ""  # not made: a resumed run makes it
                raise
            except TimeoutError:
                status = "timeout"
                raise
            finally:
                if status:
                    await self.pace.moment(f"{status} {called}")
                    cost = cost or Generation("")
                    record = CallRecord(
                        0, need.kind, name, step, status, round(started, 4), round(self.elapsed - started, 4),
                        cost.prompt_tokens, cost.completion_tokens, cost.usd, False, cost.cached_prompt_tokens, role,
                    )  # fmt: skip
                    self.journal.add(record, key, reply)
                self._open.remove(need)
                self._ended.set()
            return result, False

    async def tool_call(
        self, tool: str, request: Mapping[str, Any], step: str, make: Callable[[], Awaitable[Sequence[Any]]]
    ) -> ToolOutcome:
        """Call *tool* within the budget and the time that is left. Raises only what is :data:`ENDING`."""
        started = await self.pace.moment(f"calling {tool} {step}")

        async def items() -> tuple[Any, ...]:
            return tuple(await make() or ())

        def told(found: tuple[Any, ...]) -> tuple[str, str, None]:
            return "ok" if found else "empty", codec.dump_items(found), None

        def after(status: Any, found: tuple[Any, ...] = (), error: str | None = None) -> ToolOutcome:
            return ToolOutcome(status, found, error, round(self.elapsed - started, 3))

        try:
            key = request_key("tool", tool, request)
            found, cached = await self.call(Need("tool"), key, tool, step, items, told, codec.load_items)
        except BudgetExceeded as problem:
            return after("blocked", error=problem.message)
        except TimeoutError:
            return after("timeout", error=f"{tool} did not answer in time")
        except ENDING:
            raise
        except Exception as problem:  # whatever broke in one tool, the other branches go on
            told_as = str(problem) if isinstance(problem, FovealError) else f"{type(problem).__name__}: {problem}"
            return after("error", error=told_as)
        return after("cached" if cached else "ok" if found else "empty", found)

    def _under_way(self, kind: str) -> int:
        return sum(need.kind == kind for need in self._open)

    def _late(self, share: float) -> str | None:
        limit = self.budget.seconds
        return "seconds" if limit is not None and self.elapsed >= share * limit else None

    def _over(self, need: Need, others: Sequence[Need]) -> str | None:
        """Return the limit that *need* could break, should *others* cost the most they may."""
        limits, spent = self.budget, self.usage
        tokens = spent.prompt_tokens + spent.completion_tokens + need.tokens + sum(n.tokens for n in others)
        if limits.tokens is not None and tokens > limits.tokens:
            return "tokens"
        if limits.usd is not None and spent.usd + need.usd + sum(n.usd for n in others) > limits.usd:
            return "usd"
        return None

    async def _admit(self, need: Need, ending: bool, called: str) -> None:
        """Reserve *need*, waiting for calls under way when only what they may cost stands against it."""
        while True:
            if need.kind == "tool":
                limit = self._late(1.0 - RESERVE)
                made = sum(self.usage.tool_calls.values()) + self._under_way("tool")
                if self.budget.tool_calls is not None and made >= self.budget.tool_calls:
                    limit = "tool_calls"
            else:
                limit = self.exhausted(ending=ending) or self._over(need, ())
            if limit:
                remedy = MORE_TIME if limit == "seconds" else MORE
                raise BudgetExceeded(f"The budget of {limit} is spent.", remedy=remedy)
            if not self._over(need, self._open):
                self._open.append(need)
                return
            self._ended.clear()
            await self._ended.wait()
            await self.pace.moment(f"waited {called}")

    def may_be_short(self, need: Need) -> bool:
        """Whether *need* would have to wait or be refused: worth counting it exactly."""
        return self._over(need, self._open) is not None


class MeteredModel:
    """A chat model whose every call passes a meter. :meth:`at` says which step the calls are for."""

    def __init__(self, model: ChatModel, meter: Meter, *, role: str = "", step: str = "", ending: bool = False) -> None:
        self._model = model
        self._meter = meter
        self._role = role
        self._step = step
        self._ending = ending
        self.name = model.name

    @property
    def capabilities(self) -> Capabilities:
        """What the model can do, as far as it is known by now."""
        return self._model.capabilities

    @property
    def fence(self) -> str:
        """The code that marks around data carry in prompts of this run."""
        return self._meter.fence

    def at(self, step: str, *, ending: bool = False) -> MeteredModel:
        """Return the same model, its calls booked on *step*; *ending* calls may use the reserve."""
        return MeteredModel(self._model, self._meter, role=self._role, step=step, ending=ending)

    def is_same(self, other: MeteredModel) -> bool:
        """Say whether both roles are played by one model."""
        return self._model is other._model

    async def prepare(self) -> None:
        """See :meth:`foveal.protocols.ChatModel.prepare`."""
        await self._model.prepare()

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
        """Pass the call on; see :class:`foveal.protocols.ChatModel`. Raises BudgetExceeded.

        A reply that is given back is no longer written: *on_text* is not called for it.
        """
        asked = {"schema": schema, "max_tokens": max_tokens, "stop": list(stop), "logprobs": logprobs}
        told = {"on_text": on_text} if on_text is not None else {}

        async def make() -> tuple[None, Generation]:
            call = self._model.generate(
                messages, schema=schema, max_tokens=max_tokens, stop=stop, logprobs=logprobs, task=task, cancel=cancel,
                **told,
            )  # fmt: skip
            return None, await call

        return (await self._call("generate", messages, task, asked, max_tokens, make))[1]

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

        def make() -> Awaitable[tuple[float, Generation]]:
            return self._model.yes_probability(messages, yes=yes, no=no, task=task, cancel=cancel)

        return await self._call("yes_probability", messages, task, {"yes": yes, "no": no}, 1, make)

    async def choose(
        self,
        messages: Sequence[Message],
        options: Sequence[str],
        *,
        task: str = "",
        cancel: asyncio.Event | None = None,
    ) -> tuple[list[float], Generation]:
        """Pass the call on. Raises BudgetExceeded."""

        def make() -> Awaitable[tuple[list[float], Generation]]:
            return self._model.choose(messages, options, task=task, cancel=cancel)

        return await self._call("choose", messages, task, {"options": list(options)}, 1, make)

    async def _call(
        self,
        method: str,
        messages: Sequence[Message],
        task: str,
        asked: Mapping[str, Any],
        longest: int,
        make: Callable[[], Awaitable[tuple[T, Generation]]],
    ) -> tuple[T, Generation]:
        """Make the call through the meter: a value beside the generation, or None."""
        told_it = [(m.role, m.content, m.images) for m in messages]
        request = {"method": method, "task": task, "messages": told_it, **asked}
        key = request_key("model", self.name, request)
        await self._meter.pace.moment(f"calling {task} {self._step}")

        def told(result: tuple[T, Generation]) -> tuple[str, str, Generation]:
            return "ok", codec.dump({"value": result[0], "call": result[1]}), result[1]

        def recalled(reply: str) -> tuple[T, Generation]:
            kept = json.loads(reply)
            return kept["value"], codec.load(Generation, kept["call"])

        try:
            need = await self._need(messages, longest)
            result, _ = await self._meter.call(
                need, key, task, self._step, make, told, recalled, role=self._role, ending=self._ending
            )
        except TimeoutError:
            raise BudgetExceeded("The budget of seconds is spent.", remedy=MORE_TIME) from None
        self._meter.notes |= dict.fromkeys((*self.capabilities.notes, *result[1].notes))
        return result

    async def _need(self, messages: Sequence[Message], longest: int) -> Need:
        """Return the most the call may cost: a token is at least a byte; tokens are counted only when it matters."""
        extra = sum(AROUND + self.capabilities.picture_tokens * len(m.images) for m in messages)
        text = "".join(m.content for m in messages)
        need = self._priced(len(text.encode("utf-8", "replace")) + extra, longest)
        if self._meter.may_be_short(need):
            need = self._priced(await asyncio.to_thread(self._model.count_tokens, text) + extra, longest)
        return need

    def _priced(self, prompt: int, longest: int) -> Need:
        prices = self.capabilities
        return Need("model", prompt + longest, (prompt * prices.usd_in + longest * prices.usd_out) / 1e6)

    def count_tokens(self, text: str) -> int:
        """Return how many tokens *text* is."""
        return self._model.count_tokens(text)

    async def aclose(self) -> None:
        """Leave the model to its owner: many runs share it."""
