"""What a protocol's methods take and give, read off the protocol itself, so that a tape can keep any of them."""

from __future__ import annotations

import base64
import hashlib
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_type_hints

import orjson

from foveal import errors
from foveal.tools.runs import codec
from foveal.tools.runs.journal import request_key
from foveal.types import ToolOutcome, plain

LEFT_OUT = frozenset({"self", "cancel", "on_text"})
"""Arguments that are no part of what is asked."""


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """One member of a protocol. ``async`` calls wait; ``sync`` ones are asked in threads, and alike give alike."""

    name: str
    kind: Literal["async", "sync", "fact"]
    dump: Callable[[Any], Any]
    """From what it gives to JSON data."""
    load: Callable[[Any], Any]
    signature: inspect.Signature | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """One call: of which part of a run, what, with what; pictures by digest."""

    part: str
    method: Method
    request: Mapping[str, Any]
    key: str

    @classmethod
    def of(cls, part: str, method: Method, arguments: Sequence[Any], named: Mapping[str, Any]) -> Asked:
        """Return the call of *method* with these arguments. Raises TypeError when it does not take them."""
        assert method.signature is not None
        bound = method.signature.bind(*arguments, **named)
        bound.apply_defaults()
        request = {name: _said(value) for name, value in bound.arguments.items() if name not in LEFT_OUT}
        return cls(part, method, request, request_key(part, method.name, request))

    def __str__(self) -> str:
        return described(self.part, self.method.name, self.request)


def described(part: str, method: str, request: Mapping[str, Any]) -> str:
    """Return in words which call it is."""
    return f"{part}.{method}" + (f" (task {task})" if (task := request.get("task")) else "")


@cache
def methods(protocol: type) -> Mapping[str, Method]:
    """Return what *protocol* has, by name."""
    import numpy as np
    from PIL import Image

    seen = {"np": np, "Image": Image}
    found = {name: _method(name, "fact", hint) for name, hint in get_type_hints(protocol, localns=seen).items()}
    for name, member in vars(protocol).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            found[name] = _method(name, "fact", get_type_hints(member.fget, localns=seen)["return"])
        elif inspect.isfunction(member):
            signature = inspect.signature(member)
            signature = signature.replace(parameters=[p for p in signature.parameters.values() if p.name != "self"])
            kind: Literal["async", "sync"] = "async" if inspect.iscoroutinefunction(member) else "sync"
            found[name] = _method(name, kind, get_type_hints(member, localns=seen)["return"], signature)
    return found


def _method(
    name: str, kind: Literal["async", "sync", "fact"], gives: Any, signature: inspect.Signature | None = None
) -> Method:
    from pydantic import TypeAdapter

    if gives is ToolOutcome:
        return Method(name, kind, _outcome, _outcome_of, signature)
    if getattr(gives, "__name__", "") == "ndarray":
        return Method(name, kind, _array, _array_of, signature)
    if gives in (bytes, None) or getattr(gives, "__module__", "").startswith("PIL"):
        return Method(name, kind, plain, lambda data: data, signature)
    adapter = TypeAdapter(gives)
    dump = sorted if typing.get_origin(gives) is frozenset else plain
    return Method(name, kind, dump, adapter.validate_python, signature)


def _said(value: Any) -> Any:
    """Return an argument as JSON data; bytes and pixels by their digest."""
    if isinstance(value, bytes | bytearray):
        return {"sha256": hashlib.sha256(value).hexdigest(), "bytes": len(value)}
    if hasattr(value, "tobytes"):
        pixels = hashlib.sha256(f"{getattr(value, 'mode', '')} {value.size}".encode() + value.tobytes())
        return {"pixels": pixels.hexdigest(), "size": str(value.size)}
    if isinstance(value, list | tuple):
        return [_said(v) for v in value]
    return plain(value)


def _outcome(value: ToolOutcome) -> Any:
    rest = {name: plain(getattr(value, name)) for name in value.__dataclass_fields__ if name != "items"}
    return {**rest, "items": orjson.loads(codec.dump_items(value.items))}


def _outcome_of(data: Mapping[str, Any]) -> ToolOutcome:
    items = codec.load_items(codec.dump(data["items"]))
    return ToolOutcome(**{**data, "items": items, "notes": tuple(data["notes"])})


def _array(value: Any) -> Any:
    data = base64.b64encode(value.tobytes()).decode()
    return {"dtype": str(value.dtype), "shape": list(value.shape), "data": data}


def _array_of(data: Mapping[str, Any]) -> Any:
    import numpy as np

    return np.frombuffer(base64.b64decode(data["data"]), data["dtype"]).reshape(data["shape"]).copy()


def told(error: Exception) -> dict[str, Any]:
    """Return an error as JSON data: its class, by the nearest of :mod:`foveal.errors`, its words, what it carries."""
    if not isinstance(error, errors.FovealError):
        return {"class": type(error).__name__, "message": str(error)}
    known = next(kind for kind in type(error).__mro__ if getattr(errors, kind.__name__, None) is kind)
    carried = {k: v for k, v in vars(error).items() if isinstance(v, str | int | float) and k not in _WORDS}
    return {"class": known.__name__, "message": error.message, "remedy": error.remedy, "carried": carried}


_WORDS = ("message", "remedy", "run_id")


def untold(data: Mapping[str, Any]) -> Exception:
    """Return the error that :func:`told` was given."""
    kind = getattr(errors, data["class"], None)
    if kind is not None and "remedy" in data:
        error: Exception = kind(data["message"], remedy=data["remedy"])
        for name, value in data["carried"].items():
            setattr(error, name, value)
        return error
    kind = getattr(__import__("builtins"), data["class"], None)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        kind = type(data["class"], (Exception,), {})
    try:
        return kind(data["message"])
    except TypeError:  # one that takes more than words, such as UnicodeDecodeError
        return type(data["class"], (Exception,), {})(data["message"])
