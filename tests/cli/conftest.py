"""A command line without models: the seams give a Foveal that plays events from a list."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

from foveal.cli import app, seams
from foveal.types import Answer, Citation, Event, Evidence, PlanChange, SubQuestion, Usage

QUOTE = "N'Djamena is the capital of Chad."


def make_answer(question: str = "Which city?", **changes: Any) -> Answer:
    """An answered question with one citation."""
    evidence = Evidence("e1", "text", "country:TD", "Chad", quote=QUOTE, url="https://example.org/chad", image="a" * 64)
    step = SubQuestion("s1", "Which country?", "identify", "image_search", status="answered", answer="Chad")
    values: dict[str, Any] = {
        "run_id": "r1",
        "question": question,
        "answer": "N'Djamena [1]",
        "status": "answered",
        "stop_reason": "answered",
        "confidence": 0.9,
        "citations": (Citation(1, "e1", "country:TD", "Chad", evidence.url, QUOTE, evidence.image),),
        "evidence": (evidence,),
        "plan": (step,),
        "plan_log": (PlanChange(1, "created", "one step"),),
        "usage": Usage(model_calls=2, tool_calls={"image_search": 1, "collection": 1}, seconds=1.5),
        "retrieved": ("country:TD", "country:RO"),
        **changes,
    }
    return Answer(**values)


def make_events(answer: Answer) -> list[Event]:
    """The events of such a run."""
    step = {
        "id": "s1",
        "text": "Which country?",
        "purpose": "identify",
        "tool": "image_search",
        "status": "pending",
    }
    done = {**step, "status": "answered", "answer": "Chad", "confidence": 0.93}
    rows: list[tuple[str, dict[str, Any]]] = [
        ("run.started", {"question": answer.question}),
        ("perceived", {"image": "a" * 64, "candidates": [{"title": "Chad", "score": 0.93, "margin": 0.2}],
                       "labels": ["flagpole"], "ocr": ""}),
        ("plan.created", {"steps": [step], "source": "model"}),
        ("subquestion.started", {"step": step}),
        ("tool.called", {"tool": "image_search", "step": "s1"}),
        ("tool.returned", {"tool": "image_search", "status": "ok", "n": 2, "elapsed": 0.3, "step": "s1"}),
        ("evidence.added", {"evidence": asdict(answer.evidence[0]) if answer.evidence else {}}),
        ("subquestion.finished", {"step": done}),
        ("plan.changed", {"code": "NEW_HOP", "detail": "Chad is a country", "version": 2, "steps": [done]}),
        ("conflict.found", {"detail": "two capitals"}),
        ("warning", {"message": "the picture is small"}),
        ("answer.delta", {"text": "N'Dj"}),
        ("answer.final", {"answer": answer.as_dict()}),
        ("run.finished", {"answer": answer}),
    ]  # fmt: skip
    return [Event(number, kind, data) for number, (kind, data) in enumerate(rows, 1)]


@dataclass
class FakeFoveal:
    """Stands in for foveal.api.Foveal. ``script`` makes an answer, or raises, for each question."""

    settings: Any = None
    script: Callable[[str], Answer] = make_answer
    asked: list[tuple[str, list[Any]]] = field(default_factory=list)
    rows: Sequence[tuple[str, bool, str, str]] = (("text model", True, "0.1 s", ""),)
    missing: Exception | None = None
    opened: int = 0

    async def __aenter__(self) -> FakeFoveal:
        self.opened += 1
        return self

    async def __aexit__(self, *error: object) -> None:
        self.opened -= 1

    async def stream(
        self, question: str, images: Sequence[Any] = (), run_id: str | None = None
    ) -> AsyncIterator[Event]:
        self.asked.append((question, list(images)))
        for event in make_events(self.script(question)):
            yield event

    async def collection(self) -> None:
        if self.missing:
            raise self.missing

    async def examine(self, settings: Any, tell: Callable[[str], None]) -> AsyncIterator[tuple[str, bool, str, str]]:
        tell("asking")
        for row in self.rows:
            yield row


@dataclass
class Outcome:
    """What a command line did."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine reaches a test."""
    for name in [name for name in os.environ if name.startswith("FOVEAL_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeFoveal:
    """The Foveal that commands get."""
    foveal = FakeFoveal()

    def make(settings: Any) -> FakeFoveal:
        foveal.settings = settings
        return foveal

    monkeypatch.setattr(seams, "make_foveal", make)
    monkeypatch.setattr(seams, "examine", foveal.examine)
    return foveal


@pytest.fixture
def foveal(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run a command line in this process."""

    def run(*arguments: object) -> Outcome:
        code = app.run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A file that is there; the fake does not look into it."""
    path = tmp_path / "flag.png"
    path.write_bytes(b"picture")
    return path
