"""A model whose replies come from a file: for tests and demonstrations.

A script is a list of entries (YAML, JSON, or JSONL, an object a line). An entry says what it replies with
and, if it likes, which call it is for:

    - task: plan                 # the name of the prompt; any when left out
      contains: "Eiffel Tower"   # a substring of the last message; any when left out
      reply: {"steps": []}       # a string, or any JSON value for a call with a schema
    - {task: judge, probability: 0.9}   # for yes_probability
    - {task: pick, choose: "2"}         # for choose: the option that gets all, or a list of numbers
    - {reply: "again", repeat: true}    # never used up

Each call takes the first unused entry that fits it. A call that no entry fits fails, and says which
call it was.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from foveal.errors import BadConfig, Cancelled, ModelOutputError
from foveal.types import Capabilities, Generation, Message

Kind = Literal["reply", "probability", "choose"]
_KEYS = {"task", "contains", "repeat", "reply", "probability", "choose"}
_METHODS: Mapping[Kind, str] = {"reply": "generate", "probability": "yes_probability", "choose": "choose"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a script: the call it fits, and what that call returns."""

    kind: Kind
    value: Any
    task: str | None = None
    contains: str | None = None
    repeat: bool = False

    def fits(self, kind: Kind, task: str, last: str) -> bool:
        """Whether this entry answers such a call."""
        return self.kind == kind and self.task in (None, task) and (self.contains is None or self.contains in last)


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was made, for a test to look at."""

    method: str
    task: str
    messages: tuple[Message, ...]


class ScriptedModel:
    """Replies from a script, in order; ``calls`` holds every call that was made."""

    def __init__(
        self,
        script: Path | str | Sequence[Mapping[str, Any]],
        *,
        capabilities: Capabilities | None = None,
    ) -> None:
        """*script* is a file or the list itself. Raises BadConfig when it is no script."""
        if isinstance(script, str | Path):
            self.name = f"scripted:{Path(script).name}"
            raw = _read(Path(script))
        else:
            self.name = "scripted"
            raw = list(script)
        self.capabilities = capabilities or Capabilities(json_schema=True, logprobs=True)
        self._entries = [_entry(item, number, self.name) for number, item in enumerate(raw, 1)]
        self.calls: list[Call] = []

    @property
    def left(self) -> int:
        """How many entries have not been used, ``repeat`` entries aside."""
        return sum(not entry.repeat for entry in self._entries)

    async def prepare(self) -> None:
        """Nothing has to be found out."""

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
        """Return the scripted reply, to *on_text* word by word. *max_tokens* and *stop* do not change it.

        Raises ModelOutputError when no entry fits, or when *schema* is given and the reply is not JSON.
        """
        value = self._next("reply", messages, task, cancel)
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        parsed = None
        if schema is not None:
            try:
                parsed = json.loads(text)
            except ValueError as problem:
                raise ModelOutputError(f"The scripted reply to {task!r} should be JSON: {text[:160]!r}") from problem
        if on_text is not None:
            for piece in re.findall(r"\S+\s*|\s+", text):
                on_text(piece)
        return self._generation(messages, text, parsed, logprob=0.0 if logprobs else None)

    async def yes_probability(
        self,
        messages: Sequence[Message],
        *,
        yes: str = "Yes",
        no: str = "No",
        task: str = "",
        cancel: asyncio.Event | None = None,
    ) -> tuple[float, Generation]:
        """Return the scripted probability of *yes*. Raises ModelOutputError when no entry fits."""
        value = self._next("probability", messages, task, cancel)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise ModelOutputError(f"The scripted probability for {task!r} is {value!r}, not a number from 0 to 1.")
        return float(value), self._generation(messages, yes if value >= 0.5 else no)

    async def choose(
        self,
        messages: Sequence[Message],
        options: Sequence[str],
        *,
        task: str = "",
        cancel: asyncio.Event | None = None,
    ) -> tuple[list[float], Generation]:
        """Return the scripted probabilities of *options*. Raises ModelOutputError when no entry fits."""
        value = self._next("choose", messages, task, cancel)
        if isinstance(value, list) and len(value) == len(options):
            weights = [float(weight) for weight in value]
        elif str(value) in options:
            weights = [float(option == str(value)) for option in options]
        else:
            raise ModelOutputError(f"The scripted choice for {task!r} is {value!r}; the options are {list(options)}.")
        best = max(range(len(options)), key=weights.__getitem__)
        return weights, self._generation(messages, options[best])

    def count_tokens(self, text: str) -> int:
        """Return a rough count: a token for every four characters, rounded up."""
        return -(-len(text) // 4)

    async def aclose(self) -> None:
        """Nothing to free."""

    def _next(self, kind: Kind, messages: Sequence[Message], task: str, cancel: asyncio.Event | None) -> Any:
        if cancel is not None and cancel.is_set():
            raise Cancelled("The call was cancelled.")
        last = messages[-1].content if messages else ""
        self.calls.append(Call(_METHODS[kind], task, tuple(messages)))
        for number, entry in enumerate(self._entries):
            if entry.fits(kind, task, last):
                if not entry.repeat:
                    del self._entries[number]
                return entry.value
        raise ModelOutputError(
            f"Unexpected call {len(self.calls)} to {self.name}: {_METHODS[kind]}(task={task!r}), "
            f"last message {last[:120]!r}; {self.left} entries left.",
            remedy="Add an entry for it to the script.",
        )

    def _generation(
        self, messages: Sequence[Message], text: str, parsed: Any = None, *, logprob: float | None = None
    ) -> Generation:
        return Generation(
            text=text,
            parsed=parsed,
            prompt_tokens=sum(self.count_tokens(message.content) for message in messages),
            completion_tokens=self.count_tokens(text),
            logprob=logprob,
        )


def _read(path: Path) -> list[Any]:
    try:
        text = path.read_text("utf-8")
        if path.suffix == ".jsonl":
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        if path.suffix == ".json":
            raw = json.loads(text)
        else:
            import yaml

            try:
                raw = yaml.safe_load(text)
            except yaml.YAMLError as problem:
                raise ValueError(str(problem)) from problem
    except OSError as problem:
        raise BadConfig(f"The script {path} cannot be read: {problem.strerror}.") from problem
    except ValueError as problem:
        raise BadConfig(f"The script {path} cannot be parsed: {problem}") from problem
    if not isinstance(raw, list):
        raise BadConfig(f"The script {path} is not a list of entries.")
    return raw


def _entry(item: Any, number: int, name: str) -> Entry:
    kinds: list[Kind] = [kind for kind in _METHODS if isinstance(item, Mapping) and kind in item]
    if len(kinds) != 1 or (unknown := set(item) - _KEYS):
        problem = "needs exactly one of reply, probability, choose"
        if len(kinds) == 1:
            problem = f"has unknown keys: {', '.join(sorted(map(str, unknown)))}"
        raise BadConfig(f"Entry {number} of {name} {problem}.")
    return Entry(kinds[0], item[kinds[0]], item.get("task"), item.get("contains"), bool(item.get("repeat", False)))
