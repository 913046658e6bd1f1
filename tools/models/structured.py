"""JSON that fits a schema, out of any model: asked for in the strictest way it knows, read with patience.

The ladder: the endpoint's own ``json_schema``, its ``json_object``, or plain text with the schema in the prompt.
What comes back is read tolerantly (prose, fences, single quotes, trailing commas), checked against the schema, and
if it does not fit asked for again, once. What was cut off is never filled in: it is asked for with more room.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from foveal.errors import ModelOutputError, RequestRefused
from foveal.types import Generation, Message

Rung = Literal["json_schema", "json_object", "text"]
Ask = Callable[[Sequence[Message], Rung, int], Awaitable[Generation]]
"""Asks a model: messages, how the format is asked for, and the most tokens of the reply."""
REPAIR_TOKENS = 1024
_EXCERPT = 160
_KEPT = 4000
_FENCE = re.compile(r"```[\w-]*[ \t]*\r?\n?(.*?)```", re.S)
_THOUGHT = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.S | re.I)
_OPENING = re.compile(r"[\[{]")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|["\[\]{}]', re.S)


class Fault(Exception):
    """Why a reply is not what was asked for. ``cut``: it ended before it was finished."""

    def __init__(self, reason: str, cut: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.cut = cut


async def ask_structured(
    ask: Ask, messages: Sequence[Message], schema: Mapping[str, Any], rungs: Sequence[Rung], *, max_tokens: int
) -> Generation:
    """Return a reply whose ``parsed`` fits *schema*, with the tokens and money of all that was asked for it.

    *rungs* are tried in order while the endpoint refuses the format itself. Raises ModelOutputError with an
    excerpt when the second reply does not fit either, and whatever *ask* raises.
    """
    for rung in rungs:
        asked = told_schema(messages, schema, rung)
        try:
            first = await ask(asked, rung, max_tokens)
            break
        except RequestRefused:
            if rung == rungs[-1]:
                raise
    try:
        return replace(first, parsed=read_reply(first.text, schema, cut=first.finish != "stop"))
    except Fault as fault:
        second = await ask(_again(asked, first.text, fault), rung, max(2 * max_tokens, REPAIR_TOKENS))
    both = together(first, second)
    try:
        return replace(both, parsed=read_reply(second.text, schema, cut=second.finish != "stop"))
    except Fault as fault:
        said = " ".join(second.text.split())
        excerpt = repr(said[:_EXCERPT]) + ("…" if len(said) > _EXCERPT else "")
        raise ModelOutputError(
            f"The model's reply is not the JSON that was asked for, twice: {fault.reason}. It said {excerpt}.",
            remedy="Use a model that keeps to a schema; `foveal models probe SPEC` says what a model can do.",
        ) from None


def told_schema(messages: Sequence[Message], schema: Mapping[str, Any], rung: Rung) -> list[Message]:
    """Return *messages* with the schema said in words, where the endpoint does not enforce it."""
    if rung == "json_schema":
        return list(messages)
    shape = json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
    words = f"Reply with JSON only, without any other words, that fits this JSON Schema:\n{shape}"
    last = max((n for n, m in enumerate(messages) if m.role == "user"), default=None)
    if last is None:
        return [*messages, Message("user", words)]
    told = list(messages)
    told[last] = replace(told[last], content=f"{told[last].content}\n\n{words}")
    return told


def read_reply(text: str, schema: Mapping[str, Any], *, cut: bool = False) -> Any:
    """Return the JSON in *text* that fits *schema*: of several the last. *cut*: the endpoint says it is unfinished.

    Keys that the schema forbids are left out; nothing is made up. Raises Fault.
    """
    if not text.strip():
        raise Fault("the reply was empty", cut)
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    validator = Draft202012Validator(dict(schema))
    wrong = ""
    for value in candidates(text):
        value = without_extras(value, schema)
        problem = best_match(validator.iter_errors(value))
        if problem is None:
            return value
        where = "/".join(str(part) for part in problem.absolute_path)
        wrong = wrong or f"{f'at {where}: ' if where else ''}{problem.message[:_EXCERPT]}"
    if cut or is_cut_off(text):
        raise Fault("the reply was cut off", True)
    raise Fault(wrong or "there is no JSON in it")


def candidates(text: str) -> Iterator[Any]:
    """Yield the JSON values that *text* may hold, the likeliest first: all of it, its fences and objects from the
    last to the first, then what is left when the mistakes of models are mended."""
    text = _THOUGHT.sub("", text).strip().removeprefix("\ufeff")
    whole = _strict(text)
    if whole is not None:
        yield whole[0]
        if isinstance(whole[0], str):  # JSON in a JSON string
            yield from candidates(whole[0])
        return
    for block in reversed(_FENCE.findall(text)):
        if (value := _strict(block.strip())) is not None:
            yield value[0]
    yield from reversed(_embedded(text))
    start = _OPENING.search(text)
    if start is None or is_cut_off(text):
        return
    import json_repair

    fenced = [block for block in _FENCE.findall(text) if _OPENING.search(block)]
    body = fenced[-1] if fenced else text[start.start() :]
    end = max(body.rfind("}"), body.rfind("]"))
    try:
        mended = json_repair.loads(body[: end + 1], skip_json_loads=True)
    except (ValueError, RecursionError):
        return
    if isinstance(mended, dict | list) and mended:
        yield mended


def is_cut_off(text: str) -> bool:
    """Whether a bracket that opens in *text* is never closed, or a string in it."""
    at = 0
    while start := _OPENING.search(text, at):
        end = _closed(text, start.start())
        if end is None:
            return True
        at = end
    return False


def without_extras(value: Any, schema: Any) -> Any:
    """Return *value* without the keys that *schema* forbids, at every depth that it describes."""
    if not isinstance(schema, Mapping):
        return value
    if isinstance(value, dict) and isinstance(known := schema.get("properties"), Mapping):
        closed = schema.get("additionalProperties") is False
        return {k: without_extras(v, known.get(k)) for k, v in value.items() if k in known or not closed}
    if isinstance(value, list):
        return [without_extras(item, schema.get("items")) for item in value]
    return value


def is_strict(schema: Any) -> bool:
    """Whether *schema* may be sent as ``strict``: every object is closed and requires all its properties."""
    if isinstance(schema, Mapping):
        if isinstance(known := schema.get("properties"), Mapping) and (
            schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(known)
        ):
            return False
        return all(is_strict(part) for part in schema.values())
    return all(is_strict(part) for part in schema) if isinstance(schema, list | tuple) else True


def together(first: Generation, second: Generation) -> Generation:
    """Return *second* with what both calls cost, and the notes of both."""
    return replace(
        second,
        prompt_tokens=first.prompt_tokens + second.prompt_tokens,
        cached_prompt_tokens=first.cached_prompt_tokens + second.cached_prompt_tokens,
        completion_tokens=first.completion_tokens + second.completion_tokens,
        usd=first.usd + second.usd,
        notes=tuple(dict.fromkeys((*first.notes, *second.notes))),
    )


def _again(messages: Sequence[Message], said: str, fault: Fault) -> list[Message]:
    if fault.cut:
        return list(messages)
    again = f"That reply cannot be used: {fault.reason}. Reply again with the whole JSON and nothing else."
    return [*messages, Message("assistant", said[:_KEPT].strip() or "(nothing)"), Message("user", again)]


def _strict(text: str) -> tuple[Any] | None:
    try:
        return (json.loads(text, parse_constant=_no_constant),)
    except (ValueError, RecursionError):
        return None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _embedded(text: str) -> list[Any]:
    """Return the objects and lists that stand whole in *text*, in order; parts of one are not counted."""
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    found, at = [], 0
    while start := _OPENING.search(text, at):
        end = _closed(text, start.start())
        if end is None:
            break
        try:
            value, at = decoder.raw_decode(text, start.start())
            found.append(value)
        except (ValueError, RecursionError):
            at = end
    return found


def _closed(text: str, start: int) -> int | None:
    """Return where the bracket at *start* has been closed, brackets in strings aside; None when it never is."""
    depth = 0
    for token in _TOKEN.finditer(text, start):
        sign = token[0]
        if sign == '"':  # a string that does not end
            return None
        depth += (sign in "[{") - (sign in "]}")
        if depth == 0 and sign in "]}":
            return token.end()
    return None
