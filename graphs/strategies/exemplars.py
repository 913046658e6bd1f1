"""A memory of worked examples: questions with how they were reasoned about and what came out, a JSON object a line.

``{"question", "rationale", "answer"}`` and, when the question has a picture, ``"picture"``: what it shows, in words.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from foveal.errors import BadInput

FIELDS = '{"question": "…", "rationale": "…", "answer": "…", "picture": "…"}'


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One worked example; ``picture`` is empty for a question without one."""

    question: str
    rationale: str
    answer: str
    picture: str = ""

    def row(self) -> dict[str, str]:
        """Return it as a row of a prompt."""
        return asdict(self)


def load(path: Path | None = None) -> tuple[Exemplar, ...]:
    """Return the memory of *path*, or the one that comes with Foveal. Raises BadInput.

    A folder is one of saved runs, such as the traces of an evaluation: what was answered there, right or wrong.
    """
    if path is None:
        return _shipped()
    if path.is_dir():
        return _grown(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        told = getattr(problem, "strerror", None) or "it is no UTF-8"
        raise BadInput(f"The worked examples {path} cannot be read: {told}.", remedy="Check `exemplars`.") from None
    return read(text, str(path))


def read(text: str, name: str) -> tuple[Exemplar, ...]:
    """Return the examples of *text*, which is called *name*. Raises BadInput with the line that is none."""
    found: list[Exemplar] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        told = [row.get(key) for key in ("question", "rationale", "answer")] if isinstance(row, dict) else [None]
        words = [value for value in told if isinstance(value, str) and value.strip()]
        if len(words) < len(told) or not isinstance(row, dict):
            raise BadInput(f"Line {number} of {name} is no worked example.", remedy=f"Write {FIELDS}.")
        question, rationale, answer = words
        found.append(Exemplar(question, rationale, answer, str(row.get("picture") or "")))
    if not found:
        raise BadInput(f"{name} holds no worked example.", remedy=f"Write {FIELDS}, one a line.")
    return tuple(found)


def _grown(folder: Path) -> tuple[Exemplar, ...]:
    """Return what the runs of a folder teach, in the order of their files' names."""
    found: list[Exemplar] = []
    for file in sorted(folder.glob("*.json")):
        try:
            trace = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        answer = trace.get("answer") if isinstance(trace, dict) else None
        if isinstance(answer, dict) and (taught := learned(answer)):
            found.append(taught)
    if not found:
        raise BadInput(f"{folder} holds no answered run.", remedy="Name the `traces` of `foveal eval run`.")
    return tuple(found)


def hash_of(memory: Sequence[Exemplar]) -> str:
    """Return what tells one memory from another, for a run's configuration."""
    return hashlib.sha256(json.dumps([e.row() for e in memory]).encode()).hexdigest()[:16]


def learned(answer: Mapping[str, Any]) -> Exemplar | None:
    """Return what an answered run teaches: its steps are the rationale. *answer* is an answer as JSON.

    None for a run that found no answer, or got there in no step of its own.
    """
    steps = [s for s in answer.get("plan") or () if s.get("status") == "answered" and s.get("answer")]
    if answer.get("status") != "answered" or len(steps) < 2:
        return None
    why = " ".join(f"{str(s['text']).rstrip('?.')}: {s['answer']}." for s in steps[:-1])
    return Exemplar(str(answer["question"]), why[:240], str(steps[-1]["answer"]))


@lru_cache(maxsize=1)
def _shipped() -> tuple[Exemplar, ...]:
    source = files("foveal.graphs.strategies") / "exemplars.jsonl"
    return read(source.read_text(encoding="utf-8"), "exemplars.jsonl")
