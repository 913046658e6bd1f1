"""State as msgpack and back, exactly: tuples stay tuples, and only the classes of the state are ever built.

LangGraph's own serialiser builds objects of any class that is named in the bytes, or with an allow-list hands on
what it does not know as raw data; it also turns tuples into lists. Here the bytes hold nothing but the place of a
class in a table that is fixed when the program starts, so reading them can neither import nor run foreign code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from foveal.errors import StoreUnavailable

VALUE, TUPLE, SET, SEND = range(1, 5)
"""Extension types of msgpack: a dataclass of the table, a tuple, a frozen set, and LangGraph's ``Send``."""


class StateSerializer:
    """Implements LangGraph's ``SerializerProtocol`` for *classes* (dataclasses) and plain data.

    Reading anything else raises StoreUnavailable.
    """

    def __init__(self, classes: Sequence[type]) -> None:
        import ormsgpack
        from langgraph.types import Send

        self._names = {kind: tuple(field.name for field in fields(kind)) for kind in classes}
        self._classes = {kind.__name__: kind for kind in classes}
        self._send = Send
        self._pack, self._unpack, self._ext = ormsgpack.packb, ormsgpack.unpackb, ormsgpack.Ext
        self._keys = ormsgpack.OPT_NON_STR_KEYS
        self._options = (
            ormsgpack.OPT_NON_STR_KEYS
            | ormsgpack.OPT_PASSTHROUGH_DATACLASS
            | ormsgpack.OPT_PASSTHROUGH_TUPLE
            | ormsgpack.OPT_REPLACE_SURROGATES
        )

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Return the encoding's name and *obj* encoded. Raises TypeError for what a state must not hold."""
        return ("null", b"") if obj is None else ("foveal", self._dump(obj))

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Return what was encoded. Raises StoreUnavailable for what this class did not write."""
        kind, encoded = data
        if kind == "null":
            return None
        if kind != "foveal":
            raise foreign(f"encoding {kind}")
        try:
            return self._load(encoded)
        except ValueError as error:  # MsgpackDecodeError is one
            raise foreign("damaged bytes") from error

    def _dump(self, value: Any) -> bytes:
        return self._pack(value, default=self._default, option=self._options)

    def _load(self, encoded: bytes) -> Any:
        return self._unpack(encoded, ext_hook=self._build, option=self._keys)

    def _default(self, value: Any) -> Any:
        kind = type(value)
        if kind is tuple:
            return self._ext(TUPLE, self._dump(list(value)))
        if names := self._names.get(kind):
            return self._ext(VALUE, self._dump([kind.__name__, *[getattr(value, name) for name in names]]))
        if isinstance(value, set | frozenset):
            return self._ext(SET, self._dump(list(value)))
        if isinstance(value, self._send):
            return self._ext(SEND, self._dump([value.node, value.arg]))
        if isinstance(value, BaseException):
            return repr(value)  # LangGraph notes why a task failed, and reads it nowhere
        if hasattr(value, "item"):
            return value.item()  # a number of numpy's
        raise TypeError(f"{kind.__module__}.{kind.__qualname__} must not be in the state")

    def _build(self, code: int, encoded: bytes) -> Any:
        content = self._load(encoded)
        if code == TUPLE:
            return tuple(content)
        if code == SET:
            return frozenset(content)
        if code == SEND:
            return self._send(*content)
        if code != VALUE:
            raise foreign(f"extension {code}")
        kind = self._classes.get(content[0])
        if kind is None or len(content) - 1 != len(self._names[kind]):
            raise foreign(f"type {content[0]}")
        return kind(*content[1:])


def foreign(what: str) -> StoreUnavailable:
    """Return the error for a checkpoint that Foveal, or this version of it, did not write."""
    return StoreUnavailable(
        f"The checkpoint holds something foreign ({what}): this Foveal did not write it, and does not load it.",
        remedy="Remove the run with `foveal runs rm`, or run with --no-persist, which keeps nothing.",
    )
