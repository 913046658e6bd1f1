"""Three runs built by code: sources that disagree, an abstention, and a search of a picture's regions."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from PIL import Image, ImageDraw

from foveal.tools.runs.store import CallRecord, RunRecord
from foveal.types import (
    Answer,
    Budget,
    Citation,
    Event,
    Evidence,
    Hypothesis,
    ImageRef,
    PlanChange,
    Region,
    SubQuestion,
    Usage,
)

CONFIG = {"models": {"planner": "scripted", "solver": "scripted"}, "strategy": "adaptive", "profile": "balanced"}


@dataclass
class Sample:
    """What a run left: everything that ``write_page`` is given."""

    run: RunRecord
    events: list[Event]
    calls: list[CallRecord]
    answer: dict[str, Any] | None
    pictures: Mapping[str, bytes]

    def picture(self, sha256: str) -> bytes | None:
        return self.pictures.get(sha256)


@dataclass
class _Builder:
    question: str
    images: tuple[ImageRef, ...] = ()
    pictures: dict[str, bytes] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    calls: list[CallRecord] = field(default_factory=list)

    def emit(self, kind: str, **data: Any) -> None:
        self.events.append(Event(len(self.events) + 1, kind, _plain(data)))

    def call(self, kind: str, name: str, step: str, started: float, elapsed: float, **more: Any) -> None:
        given = {"status": "ok", "prompt_tokens": 0, "completion_tokens": 0, "usd": 0.0, "cached": False, **more}
        self.calls.append(
            CallRecord(
                seq=len(self.calls) + 1, kind=kind, name=name, step=step, started=started, elapsed=elapsed, **given
            )  # type: ignore[arg-type]
        )

    def keep(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        self.pictures[digest] = data
        return digest

    def end(self, answer: Answer) -> Sample:
        told = _plain(answer.as_dict())
        self.emit("answer.final", answer=told)
        self.emit("run.finished", answer=told)
        run = RunRecord(
            run_id=answer.run_id,
            thread_id="t1",
            question=self.question,
            images=self.images,
            status="finished",
            started_at="2026-03-01T10:00:00+00:00",
            finished_at="2026-03-01T10:00:09+00:00",
            config=CONFIG,
            budget=asdict(Budget()),
            schema_version=2,
            settings={},
        )
        return Sample(run, self.events, self.calls, told, self.pictures)


def flag(*colours: str, size: tuple[int, int] = (480, 320)) -> bytes:
    image = Image.new("RGB", size, colours[0])
    for n, colour in enumerate(colours):
        image.paste(colour, (n * size[0] // len(colours), 0, size[0], size[1]))
    return _png(image)


def street() -> bytes:
    """A tower, a bridge and a sign, roughly."""
    image = Image.new("RGB", (900, 600), "#b9d3e6")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 430, 900, 600), fill="#7d8f72")
    draw.polygon([(170, 90), (230, 90), (260, 440), (140, 440)], fill="#8c6a50")
    draw.polygon([(160, 92), (200, 30), (240, 92)], fill="#5d4636")
    draw.arc((420, 300, 860, 620), 180, 360, fill="#4b5563", width=22)
    draw.rectangle((400, 330, 890, 350), fill="#4b5563")
    draw.rectangle((600, 80, 820, 150), fill="#f4f1e8", outline="#333333", width=4)
    draw.text((625, 100), "EPH  1901", fill="#222222", font_size=34)
    return _png(image)


def conflict() -> Sample:
    """Two sources disagree about a year; a third settles it, and the step that computes is asked again."""
    run = _Builder("Which is older, the Eph Tower or the Dun Bridge, and by how many years?")
    steps = [
        SubQuestion("s1", "When was the Eph Tower built?", query="Eph Tower built year"),
        SubQuestion("s2", "When was the Dun Bridge opened?", query="Dun Bridge opened"),
        SubQuestion("s3", "Which came first: #s1 or #s2?", "compute", "none", depends_on=("s1", "s2"), op="before"),
    ]
    evidence = {
        e.id: e
        for e in (
            _passage(
                "s1e1", "s1", "tower", "Eph Tower", "The Eph Tower stands in Eph. It was built by Bo Ek in 1901.", 0.93
            ),
            _passage(
                "s1e2",
                "s1",
                "guide",
                "Eph Travel Guide",
                "Do not miss the tower, finished in 1911 <b>after</b> a long strike.",
                0.81,
            ),
            _passage("s1e3", "s1", "harbour", "Harbour of Eph", "The harbour was dredged twice.", 0.34),
            _passage("s2e1", "s2", "bridge", "Dun Bridge", "The Dun Bridge opened in 1898 and carries trams.", 0.9),
            _passage(
                "s4e1",
                "s4",
                "archive",
                "City archive of Eph",
                "Tower, Eph: building permit 1899, consecrated 1901.",
                0.88,
            ),
        )
    }
    run.emit("run.started", run_id="run-conflict", question=run.question, images=[], config=CONFIG)
    run.emit("plan.created", steps=steps, source="model")
    run.call("model", "plan", "", 0.0, 1.1, prompt_tokens=620, completion_tokens=90)
    for n, step in enumerate(steps[:2]):
        _search(run, step, 1.2 + 0.1 * n, [e for e in evidence.values() if e.sub_question == step.id])
    first = steps[0].having(
        status="answered",
        answer="1901",
        values=("1901",),
        confidence=0.71,
        evidence_ids=("s1e1",),
        reason="stated in the passage",
    )
    second = steps[1].having(
        status="answered",
        answer="1898",
        values=("1898",),
        confidence=0.9,
        evidence_ids=("s2e1",),
        reason="stated in the passage",
    )
    run.emit("subquestion.finished", step=first)
    run.emit("subquestion.finished", step=second)
    verify = SubQuestion(
        "s4",
        "When was the Eph Tower built, by another source than 1901 and 1911?",
        "verify",
        query="Eph Tower building permit archive",
        depends_on=("s1",),
    )
    last = steps[2].having(depends_on=("s4", "s2"), attempts=1)
    run.emit(
        "plan.changed",
        code="CONFLICT",
        detail="1901 (Eph Tower) against 1911 (Eph Travel Guide)",
        version=2,
        step="s1",
        steps=[first, second, verify, last],
    )
    _search(run, verify, 4.2, [evidence["s4e1"]])
    verified = verify.having(
        status="answered",
        answer="1901",
        values=("1901",),
        confidence=0.88,
        evidence_ids=("s4e1",),
        reason="a third source agrees with 1901",
    )
    run.emit("subquestion.finished", step=verified)
    disagreement = {
        "step": "s1",
        "question": steps[0].text,
        "values": [
            {"value": "1901", "evidence_ids": ["s1e1", "s4e1"], "title": "Eph Tower"},
            {"value": "1911", "evidence_ids": ["s1e2"], "title": "Eph Travel Guide"},
        ],
        "chosen": "1901",
        "reason": "Two sources that do not depend on each other say 1901; the guide gives no source.",
    }
    run.emit("conflict.found", **disagreement)
    run.call("model", "check", "", 6.8, 0.6, prompt_tokens=300, completion_tokens=4)
    done = last.having(
        status="answered", answer="The Dun Bridge, by 3 years", confidence=0.88, reason="before of 1901 and 1898"
    )
    return run.end(
        Answer(
            run_id="run-conflict",
            question=run.question,
            answer="The Dun Bridge (1898) [2] is older than the Eph Tower (1901) [1][3], by 3 years.",
            status="answered",
            stop_reason="answered",
            confidence=0.88,
            citations=tuple(
                Citation(n, e.id, e.doc_id, e.title, e.url, e.quote)
                for n, e in enumerate((evidence["s1e1"], evidence["s2e1"], evidence["s4e1"]), 1)
            ),
            evidence=tuple(evidence.values()),
            plan=(first, second, verified, done),
            plan_log=(
                PlanChange(1, "created", "3 steps (model)"),
                PlanChange(2, "CONFLICT", "1901 (Eph Tower) against 1911 (Eph Travel Guide)", "s1"),
            ),
            conflicts=(disagreement,),
            usage=Usage(6, 2400, 0, 160, {"collection": 3}, 0, 0.0, 7.6),
            config=CONFIG,
        )
    )


def abstention() -> Sample:
    """Nothing answers: the search is asked again in other words, then the run says what is missing."""
    run = _Builder("Who was the architect of the summer house of the king of Ida?")
    run.images = (ImageRef(run.keep(flag("#c0392b", "#ecf0f1", "#2c5aa0")), 480, 320, name="flag.png"),)
    steps = [
        SubQuestion("s1", "Who is the king of Ida?", query="king of Ida", image=None),
        SubQuestion("s2", "Who was the architect of the summer house of #s1?", depends_on=("s1",)),
    ]
    found = [
        _passage("s1e1", "s1", "ida", "Ida", "Ida is a country. Capital: Arx. Area: 8,336 square kilometres.", 0.41),
        _passage("s1e2", "s1", "bel", "Bel", "Bel is a country. Land borders: Ida.", 0.22),
    ]
    run.emit("run.started", run_id="run-abstention", question=run.question, images=[], config=CONFIG)
    run.emit("plan.created", steps=steps, source="fallback")
    run.call("model", "plan", "", 0.0, 0.9, prompt_tokens=610, completion_tokens=60)
    _search(run, steps[0], 1.0, found)
    again = steps[0].having(query="Ida monarch ruler head of state", attempts=1)
    run.emit(
        "plan.changed",
        code="IRRELEVANT",
        detail="no passage speaks of a king; asked in other words",
        version=2,
        step="s1",
        steps=[again, steps[1]],
    )
    _search(run, again, 3.4, [], cached=True)
    missed = again.having(status="insufficient", reason="no passage tells who the king of Ida is")
    run.emit("subquestion.finished", step=missed)
    lost = steps[1].having(status="skipped", reason="#s1 has no answer")
    run.emit("warning", message="The model cannot see: pictures were read by image search, labels and OCR.")
    return run.end(
        Answer(
            run_id="run-abstention",
            question=run.question,
            answer="Unable to determine. Still missing: who is the king of Ida. Found on the way: Ida is a country.",
            status="insufficient",
            stop_reason="insufficient_evidence",
            evidence=tuple(found),
            plan=(missed, lost),
            plan_log=(
                PlanChange(1, "created", "2 steps (fallback)"),
                PlanChange(2, "IRRELEVANT", "no passage speaks of a king; asked in other words", "s1"),
            ),
            warnings=("The model cannot see: pictures were read by image search, labels and OCR.",),
            usage=Usage(60, 51_000, 0, 900, {"collection": 2}, 1, 0.0, 108.4),
            config=CONFIG,
        )
    )


def region_search() -> Sample:
    """The whole picture looks like nothing known; a part of it does."""
    run = _Builder("Who built the tower on the left?")
    photo = run.keep(street())
    tower, bridge = Region(120, 20, 280, 450), Region(395, 290, 895, 600)
    found = run.keep(flag("#8c6a50", "#b9d3e6", size=(300, 420)))
    other = run.keep(flag("#4b5563", "#7d8f72", size=(420, 300)))
    run.images = (ImageRef(photo, 900, 600, name="street.jpg"),)
    whole = SubQuestion(
        "s1", "What is the tower in the picture?", "identify", "image_search", image=photo, noun="tower"
    )
    ask = SubQuestion("s2", "Who built #s1?", depends_on=("s1",))
    part = whole.having(id="s1r", tool="crop", region=tower, text="What is the tower in this part of the picture?")
    ask2 = ask.having(text="Who built #s1r?", depends_on=("s1r",))
    hypotheses = (
        Hypothesis(
            "Eph Tower",
            0.82,
            "tower",
            found,
            0.79,
            ("the part looks like its picture (0.79)", "the sign reads EPH 1901"),
            ("the whole picture does not",),
            region=tower,
        ),
        Hypothesis(
            "Dun Bridge",
            0.44,
            "bridge",
            other,
            0.61,
            ("another part looks like its picture",),
            ("the question asks for a tower",),
            region=bridge,
        ),
        Hypothesis("Ida", 0.12, "ida", None, 0.12, (), ("a country, not a tower",)),
    )
    evidence = [
        Evidence(
            "s1re1",
            "region",
            "tower",
            "Eph Tower",
            "The Eph Tower stands in Eph.",
            image=found,
            score=0.79,
            margin=0.18,
            tool="crop",
            sub_question="s1r",
            retrieved_at="2026-03-01T10:00:03+00:00",
            region=tower,
            url="https://example.org/tower",
        ),
        Evidence(
            "s1re2",
            "region",
            "bridge",
            "Dun Bridge",
            "The Dun Bridge opened in 1898.",
            image=other,
            score=0.61,
            tool="crop",
            sub_question="s1r",
            retrieved_at="2026-03-01T10:00:03+00:00",
            region=bridge,
        ),
        _passage(
            "s2e1", "s2", "tower", "Eph Tower", "The Eph Tower stands in Eph. It was built by Bo Ek in 1901.", 0.94
        ),
    ]
    run.emit("run.started", run_id="run-region", question=run.question, images=[photo], config=CONFIG)
    run.emit("plan.created", steps=[whole, ask], source="fallback")
    run.call("model", "plan", "", 0.0, 0.5, prompt_tokens=500, completion_tokens=40)
    _search(run, whole, 0.6, [])
    run.emit(
        "subquestion.finished",
        step=whole.having(status="insufficient", reason="nothing in the collection looks like it"),
    )
    run.emit(
        "plan.changed",
        code="AMBIGUOUS_ID",
        detail="the whole picture looks like nothing known; 6 parts are searched",
        version=2,
        step="s1",
        steps=[part, ask2],
    )
    run.emit(
        "perceived",
        image=photo,
        candidates=[{"title": "Eph Tower", "score": 0.82, "why": "the part looks like it"}],
        labels=[{"name": "beacon", "probability": 0.3}],
        ocr="EPH 1901",
    )
    _search(run, part, 1.6, evidence[:2])
    seen = part.having(
        status="answered",
        answer="Eph Tower",
        values=("Eph Tower",),
        confidence=0.82,
        evidence_ids=("s1re1",),
        reason="a part of the picture looks like it",
    )
    run.emit("subquestion.finished", step=seen)
    _search(run, ask2.having(text="Who built Eph Tower?"), 3.0, evidence[2:])
    done = ask2.having(
        text="Who built Eph Tower?",
        status="answered",
        answer="Bo Ek",
        values=("Bo Ek",),
        confidence=0.94,
        evidence_ids=("s2e1",),
    )
    run.emit("subquestion.finished", step=done)
    return run.end(
        Answer(
            run_id="run-region",
            question=run.question,
            answer="Bo Ek [1]",
            status="answered",
            stop_reason="answered",
            confidence=0.82,
            citations=(
                Citation(1, "s2e1", "tower", "Eph Tower", "https://example.org/tower", evidence[2].quote, found),
            ),
            evidence=tuple(evidence),
            plan=(seen, done),
            plan_log=(
                PlanChange(1, "created", "2 steps (fallback)"),
                PlanChange(2, "AMBIGUOUS_ID", "the whole picture looks like nothing known; 6 parts are searched", "s1"),
            ),
            hypotheses={photo: hypotheses},
            usage=Usage(3, 1500, 0, 70, {"image_search": 1, "crop": 1, "collection": 1}, 0, 0.0, 5.2),
            config=CONFIG,
        )
    )


SAMPLES = {"conflict": conflict, "abstention": abstention, "region_search": region_search}


def _search(run: _Builder, step: SubQuestion, at: float, found: list[Evidence], *, cached: bool = False) -> None:
    run.emit("subquestion.started", step=step)
    run.emit("tool.called", tool=step.tool, step=step.id, query=step.query or step.text)
    status = "ok" if found else "empty"
    run.emit("tool.returned", tool=step.tool, step=step.id, status=status, n=len(found), elapsed=0.4, error=None)
    for item in found:
        run.emit("evidence.added", id=item.id, title=item.title, doc_id=item.doc_id, step=step.id, score=item.score)
    run.call("tool", step.tool, step.id, at, 0.4, status=status, cached=cached)
    if found:
        run.call("model", "read", step.id, at + 0.4, 1.3, prompt_tokens=450, completion_tokens=12)


def _passage(id: str, step: str, doc: str, title: str, quote: str, score: float) -> Evidence:
    return Evidence(
        id,
        "text",
        doc,
        title,
        quote,
        end=len(quote),
        score=score,
        tool="collection",
        sub_question=step,
        retrieved_at="2026-03-01T10:00:02+00:00",
        url=f"https://example.org/{doc}",
    )


def _plain(value: Any) -> Any:
    """The JSON form, as the run store gives it back."""
    import json

    return json.loads(json.dumps(value, default=asdict))


def _png(image: Image.Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()
