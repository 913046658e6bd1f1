"""Runs survive kills, resume only what they began, and count failures."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foveal.errors import BackendError, BadConfig, BadInput, ModelUnavailable, StorageFull
from foveal.evaluation.predictions import load_predictions
from foveal.evaluation.questions import Question
from foveal.evaluation.runner import Progress, Runner
from foveal.types import Answer, Citation, Event, Usage

CONFIG = {"model": "fake"}
QUESTIONS = [Question(id=f"q{n}", question=f"What is {n}?") for n in range(6)]


def answer_of(question: Question, **changes: Any) -> Answer:
    values: dict[str, Any] = {"status": "answered", "stop_reason": "answered", **changes}
    usage = Usage(tool_calls={"collection": 2, "image_search": 1})
    return Answer(run_id="r", question=question.question, answer="x", usage=usage, retrieved=("d1",), **values)


async def ask(question: Question, on_event: Callable[[Event], None]) -> Answer:
    on_event(Event(1, "run.started", {}))
    on_event(Event(2, "answer.delta", {"text": "x"}))
    return answer_of(question)


def rows_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "predictions.jsonl").read_text("utf-8").splitlines()]


async def test_rows_traces_and_record(tmp_path: Path) -> None:
    totals = await Runner(tmp_path / "o", config=CONFIG, about={"seed": 0}).run(QUESTIONS, ask)
    rows = rows_of(tmp_path / "o")
    assert [row["id"] for row in rows] == [question.id for question in QUESTIONS]
    seconds = rows[0].pop("seconds")
    assert seconds >= 0
    assert rows[0] == {
        "id": "q0", "answer": "x", "retrieved": ["d1"], "searches": 3, "abstained": False,
        "status": "answered", "stop_reason": "answered",
    }  # fmt: skip
    trace = json.loads((tmp_path / "o" / "traces" / "q0.json").read_text("utf-8"))
    assert trace["answer"]["schema"] == "foveal.answer/1"
    assert [event["type"] for event in trace["events"]] == ["run.started"]
    record = json.loads((tmp_path / "o" / "run.json").read_text("utf-8"))
    assert record["config"] == CONFIG and record["seed"] == 0 and record["totals"]["asked"] == 6
    assert (totals.total, totals.kept, totals.asked, totals.statuses) == (6, 0, 6, {"answered": 6})


async def test_marks_of_citations_are_no_part_of_the_prediction(tmp_path: Path) -> None:
    """A mark after a number would be taken for the answer's last number."""

    async def cited(question: Question, on_event: Any) -> Answer:
        citation = Citation(1, "e1", "d1", "Peak")
        return replace(answer_of(question), answer="In 1998 it was 2430 m [1][7].", citations=(citation,))

    await Runner(tmp_path, config=CONFIG).run(QUESTIONS[:1], cited)
    assert rows_of(tmp_path)[0]["answer"] == "In 1998 it was 2430 m[7]."
    assert "2430 m [1]" in (tmp_path / "traces" / "q0.json").read_text("utf-8")


async def test_failures_are_rows(tmp_path: Path) -> None:
    async def failing(question: Question, on_event: Any) -> Answer:
        if question.id == "q1":
            raise BackendError("The server is down.")
        if question.id == "q2":
            raise ZeroDivisionError
        return answer_of(question, status="insufficient" if question.id == "q3" else "answered")

    totals = await Runner(tmp_path, config=CONFIG).run(QUESTIONS, failing)
    found = {row["id"]: row for row in rows_of(tmp_path)}
    assert (found["q1"]["status"], found["q1"]["stop_reason"]) == ("failed", "backend")
    assert (found["q2"]["status"], found["q2"]["stop_reason"]) == ("failed", "bug")
    assert found["q3"]["abstained"] is True and found["q1"]["abstained"] is False
    assert (totals.failed, len(found)) == (2, 6)
    trace = json.loads((tmp_path / "traces" / "q1.json").read_text("utf-8"))
    assert trace["error"]["message"] == "The server is down." and trace["answer"] is None


async def test_resume_asks_only_what_is_left(tmp_path: Path) -> None:
    await Runner(tmp_path, config=CONFIG).run(QUESTIONS[:2], ask)
    seen: list[Progress] = []
    totals = await Runner(tmp_path, config=dict(CONFIG), progress=seen.append).run(QUESTIONS, ask)
    assert (totals.kept, totals.asked) == (2, 4)
    assert len(rows_of(tmp_path)) == 6
    assert [now.done for now in seen] == [2, 3, 4, 5, 6]
    assert seen[0].left is None and seen[-1].left == 0


async def test_resume_of_another_configuration_is_refused(tmp_path: Path) -> None:
    await Runner(tmp_path, config=CONFIG).run(QUESTIONS[:2], ask)
    with pytest.raises(BadConfig, match="model changed"):
        await Runner(tmp_path, config={"model": "other"}).run(QUESTIONS, ask)
    assert len(rows_of(tmp_path)) == 2
    totals = await Runner(tmp_path, config={"model": "other"}).run(QUESTIONS[3:4], ask, resume=False)
    assert totals.asked == 1
    assert [row["id"] for row in rows_of(tmp_path)] == ["q3"]
    assert [path.name for path in (tmp_path / "traces").iterdir()] == ["q3.json"]


async def test_a_torn_row_is_cut_off_and_asked_again(tmp_path: Path) -> None:
    await Runner(tmp_path, config=CONFIG).run(QUESTIONS[:3], ask)
    path = tmp_path / "predictions.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    totals = await Runner(tmp_path, config=CONFIG).run(QUESTIONS, ask)
    assert (totals.kept, totals.asked) == (2, 4)
    rows, bad = load_predictions(path)
    assert len(rows) == 6 and bad == []


@pytest.mark.parametrize("concurrency", [1, 3, 50])
async def test_concurrency_is_kept(tmp_path: Path, concurrency: int) -> None:
    running = most = 0

    async def slow(question: Question, on_event: Any) -> Answer:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1
        return answer_of(question)

    await Runner(tmp_path, config=CONFIG, concurrency=concurrency).run(QUESTIONS, slow)
    assert most == min(concurrency, len(QUESTIONS))
    assert len({row["id"] for row in rows_of(tmp_path)}) == len(rows_of(tmp_path)) == 6


async def test_cancellation_keeps_what_is_finished(tmp_path: Path) -> None:
    reached = asyncio.Event()

    async def stuck(question: Question, on_event: Any) -> Answer:
        if question.id == "q2":
            reached.set()
            await asyncio.sleep(60)
        return answer_of(question)

    task = asyncio.create_task(Runner(tmp_path, config=CONFIG).run(QUESTIONS, stuck))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [row["id"] for row in rows_of(tmp_path)] == ["q0", "q1"]
    assert json.loads((tmp_path / "run.json").read_text("utf-8"))["totals"]["cancelled"] is True


async def test_full_disk_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("foveal.evaluation.predictions.os.fsync", full)
    with pytest.raises(StorageFull, match="No space left"):
        await Runner(tmp_path, config=CONFIG).run(QUESTIONS, ask)


async def test_an_error_that_every_question_would_meet_ends_the_run(tmp_path: Path) -> None:
    async def broken(question: Question, on_event: Any) -> Answer:
        if question.id == "q2":
            raise ModelUnavailable("The weights are gone.")
        return answer_of(question)

    with pytest.raises(ModelUnavailable):
        await Runner(tmp_path, config=CONFIG).run(QUESTIONS, broken)
    assert [row["id"] for row in rows_of(tmp_path)] == ["q0", "q1"]


async def test_two_runs_cannot_share_a_folder(tmp_path: Path) -> None:
    async def nested(question: Question, on_event: Any) -> Answer:
        with pytest.raises(BadInput, match="Another run"):
            await Runner(tmp_path, config=CONFIG).run(QUESTIONS, ask)
        return answer_of(question)

    totals = await Runner(tmp_path, config=CONFIG).run(QUESTIONS[:1], nested)
    assert totals.failed == 0


@pytest.mark.parametrize("name", ["../../up", "a/b", "..", ".hidden", "x" * 400, "é\u0301", "a:b|c", "C:\\x"])
async def test_ids_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    totals = await Runner(tmp_path / "o", config=CONFIG).run([Question(id=name, question="?")], ask)
    assert totals.failed == 0
    assert len(list((tmp_path / "o" / "traces").glob("*.json"))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["o"]


async def test_out_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    with pytest.raises(BadInput, match="cannot be used"):
        await Runner(tmp_path / "f", config=CONFIG).run(QUESTIONS, ask)


KILLED = """
import asyncio, sys
from pathlib import Path
from foveal.evaluation.questions import Question
from foveal.evaluation.runner import Runner
from foveal.types import Answer
async def ask(question, on_event):
    await asyncio.sleep(0.05)
    return Answer("r", question.question, "x", "answered", "answered")
questions = [Question(id=f"q{n}", question="?") for n in range(200)]
def show(now):
    print(now.done, flush=True)
runner = Runner(Path(sys.argv[1]), config={"model": "fake"}, concurrency=2, progress=show)
asyncio.run(runner.run(questions, ask))
"""


def test_killed_run_resumes_without_a_loss(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    reported = 0
    while reported < 5:
        reported = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    kept = {row["id"] for row in rows_of(tmp_path)}
    assert len(kept) >= reported
    asked: list[str] = []

    async def note(question: Question, on_event: Any) -> Answer:
        asked.append(question.id)
        return answer_of(question)

    questions = [Question(id=f"q{n}", question="?") for n in range(20)]
    asyncio.run(Runner(tmp_path, config=CONFIG).run(questions, note))
    assert not kept & set(asked)
    assert {row["id"] for row in rows_of(tmp_path)} >= {question.id for question in questions}


async def test_rows_end_in_the_order_of_the_questions(tmp_path: Path) -> None:
    async def later_first(question: Question, on_event: Any) -> Answer:
        await asyncio.sleep(0.05 * (3 - int(question.id[1:]) % 3))
        return answer_of(question)

    seen: list[str] = []
    runner = Runner(
        tmp_path,
        config=CONFIG,
        concurrency=3,
        progress=lambda now: seen.append(now.question.id if now.question else ""),
    )
    await runner.run(QUESTIONS, later_first)
    ids = [question.id for question in QUESTIONS]
    assert seen[1:] != ids, "they ended in another order"
    assert [row["id"] for row in rows_of(tmp_path)] == ids
    assert (tmp_path / "predictions.jsonl").stat().st_mode & 0o777 == 0o644
    await Runner(tmp_path, config=CONFIG).run(QUESTIONS[3:], ask)
    assert [row["id"] for row in rows_of(tmp_path)] == [*ids[3:], *ids[:3]], "what is not asked now is kept"
