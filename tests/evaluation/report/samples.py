"""Runs as ``foveal eval run`` leaves them, some of whose words try to get out of a page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from PIL import Image

from foveal.evaluation.folder import RunFolder
from foveal.evaluation.predictions import Prediction, PredictionLog
from foveal.types import Answer, Citation, Event, Evidence, PlanChange, SubQuestion, Usage, plain

EVIL = "</script><script>window.ran = 1</script><!--<script>\u202e"
CITIES = ("Dhaka", "Oslo", "Quito", "Rabat", "Hanoi", "Lomé", "Minsk", "Praia")
IMAGE = "a" * 64


def write_questions(folder: Path, *, unanswerable: int = 1, measured: bool = False) -> Path:
    """A file of eight questions in two categories, four with pictures; the last *unanswerable* cannot be told."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for n, city in enumerate(CITIES):
        pictured = n % 2 == 0
        if pictured:
            Image.new("RGB", (640, 420), (40 * (n % 6), 120, 200 - 20 * n)).save(folder / f"{n}.png")
        rows.append(
            {
                "id": f"q/{n} {city}",
                "category": "seen" if pictured else f"read{EVIL}",
                "question": f"What is the capital? {EVIL if n == 1 else ''}",
                "images": [f"{n}.png"] if pictured else None,
                "answers": [city],
                "answer_type": "abstain" if n >= len(CITIES) - unanswerable else "string",
                "evidence": [f"country:{n}"],
                "evidence_steps": [[f"country:{n}"]],
                "metrics": ["exact_match"] if measured else None,
            }
        )
    path = folder / "questions.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return path


def answer_to(n: int, *, right: bool, calls: int = 2, usd: float = 0.0) -> Answer:
    """An answer with a citation, a re-plan, a conflict and a warning."""
    city = CITIES[n] if right else "Atlantis"
    evidence = (
        Evidence("s1e1", "text", f"country:{n}", f"Country {n} {EVIL}", quote=f"Capital: {city}. {EVIL}",
                 url="javascript:alert(1)" if n == 1 else "https://example.org/x?a=1&b=<2>", tool="collection",
                 sub_question="s1", score=0.8),
        Evidence("s1e2", "image", "country:99", "Another", quote="Nothing of it.", tool="image_search", score=0.2),
    )  # fmt: skip
    step = SubQuestion("s1", f"Which city? {EVIL}", status="answered", answer=city, evidence_ids=("s1e1",), reason="r")
    return Answer(
        run_id=f"r{n}",
        question="What is the capital?",
        answer=f"{city} [1]",
        status="answered",
        stop_reason="answered",
        confidence=0.9 if right else 0.3 + n / 50,
        citations=(Citation(1, "s1e1", f"country:{n}", "Country", evidence[0].url, f"Capital: {city}."),),
        evidence=evidence,
        plan=(step,),
        plan_log=(PlanChange(1, "created", "one step"), PlanChange(2, "EMPTY", f"nothing was found {EVIL}", "s1")),
        conflicts=({"step": "s1", "question": "Which?", "values": [{"value": "A"}, {"value": "B"}], "chosen": "A"},),
        warnings=("The picture is small.",),
        usage=Usage(model_calls=calls, prompt_tokens=90, completion_tokens=10, tool_calls={"collection": 1}, usd=usd),
        config={"models": {"planner": "scripted", "answerer": "scripted"}},
        retrieved=("country:99", f"country:{n}"),
    )


def write_run(
    folder: Path, wrong: Sequence[int] = (), *, calls: int = 2, seconds: float = 1.0, usd: float = 0.0,
    asked: Sequence[int] = range(len(CITIES)), failed: Sequence[int] = (), config: dict[str, Any] | None = None,
) -> Path:  # fmt: skip
    """A finished run that answered *asked*, those of *wrong* wrongly; *failed* have a row and no answer."""
    said = {"model": "scripted", "strategy": folder.name, "index": "/home/somebody/secret/idx", **(config or {})}
    run = RunFolder(folder, said)
    with run.locked(), PredictionLog(run.predictions) as log:
        for n in asked:
            key = f"q/{n} {CITIES[n]}"
            answer = None if n in failed else answer_to(n, right=n not in wrong, calls=calls, usd=usd)
            row = Prediction.of(key, answer, seconds) if answer else Prediction(key, seconds=seconds)
            events = [
                Event(1, "tool.called", {"tool": "collection", "step": "s1", "query": f"capital {EVIL}"}),
                Event(2, "tool.returned", {"tool": "collection", "step": "s1", "status": "empty", "n": 0}),
            ]
            run.write_trace(
                key,
                {
                    "schema": "foveal.trace/1",
                    "id": key,
                    "error": None if answer else {"code": "backend_down", "message": "It is down."},
                    "answer": answer.as_dict() if answer else None,
                    "events": [plain(asdict(event)) for event in events],
                },
            )
            log.append(row)
        about = {"started_at": "2026-02-03T04:05:06+00:00", "finished_at": "2026-02-03T04:15:06+00:00"}
        run.write_record(about, totals={"total": len(asked)})
    return folder


def three_runs(folder: Path) -> tuple[Path, list[Path]]:
    """The questions, and runs that are good and dear, middling, and poor and cheap."""
    return write_questions(folder / "q"), [
        write_run(folder / "good", [3], calls=5, seconds=4.0, usd=0.02),
        write_run(folder / "middling", [1, 3, 5], calls=6, seconds=2.0, usd=0.01),
        write_run(folder / "poor", [0, 1, 2, 3, 5], failed=[4], calls=1, seconds=1.0),
    ]
