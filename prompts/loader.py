"""Prompts are Markdown files with front matter; this renders one to chat messages.

A file holds ``## system``, ``## user`` and ``## assistant`` sections in the order they are said. Values go
in through Jinja2 with undefined names refused, after control, bidirectional and invisible characters were
taken out, so that what was retrieved cannot hide instructions or break out of its fence.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal, cast

import jinja2
import yaml

from foveal.types import Message

Role = Literal["system", "user", "assistant"]
_SECTION = re.compile(r"^## (system|user|assistant)[ \t]*\n", re.M)
_INPUT = re.compile(r"{[{%#]")
_FENCE = re.compile(r"</?(?:passage|picture_text)\b[^>]*>", re.I)


@lru_cache(maxsize=64)
def _load(name: str) -> tuple[dict[str, Any], tuple[tuple[Role, str | jinja2.Template], ...], str]:
    source = (files("foveal.prompts") / f"{name}.md").read_text(encoding="utf-8")
    _, front, body = source.split("---\n", 2)
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False, trim_blocks=True)
    pieces = _SECTION.split(body)[1:]
    sections = tuple(
        (cast(Role, role), environment.from_string(text) if _INPUT.search(text) else text)
        for role, text in zip(pieces[::2], (piece.strip("\n") for piece in pieces[1::2]), strict=True)
    )
    return yaml.safe_load(front), sections, hashlib.sha256(source.encode()).hexdigest()


def clean(text: str) -> str:
    """Return *text* as data: no control, format (bidirectional, zero-width, tag) characters, no fence marks."""
    if not text.replace("\n", " ").replace("\t", " ").isprintable():
        text = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs"))
    return _FENCE.sub("", text)


def render(name: str, **inputs: str | Sequence[Mapping[str, str]]) -> list[Message]:
    """Return the messages of prompt *name*; a missing or unknown input is an error.

    An input is a text, or rows of texts that the prompt goes through and fences one by one.
    """
    meta, sections, _ = _load(name)
    if set(inputs) != set(meta["inputs"]):
        raise ValueError(f"prompt {name} takes {sorted(meta['inputs'])}, got {sorted(inputs)}")
    values = {
        key: clean(value) if isinstance(value, str) else [{k: clean(v) for k, v in row.items()} for row in value]
        for key, value in inputs.items()
    }
    return [Message(role, said if isinstance(said, str) else said.render(values)) for role, said in sections]


def names() -> tuple[str, ...]:
    """Return the names of all prompts."""
    return tuple(sorted(p.name[:-3] for p in files("foveal.prompts").iterdir() if p.name.endswith(".md")))


@lru_cache(maxsize=1)
def prompts_hash() -> str:
    """Return one hash over all prompts, for a run's configuration."""
    return hashlib.sha256("".join(_load(name)[2] for name in names()).encode()).hexdigest()[:16]
