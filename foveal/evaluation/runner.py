"""Asking many questions, so that a kill loses nothing that was finished.

The runner knows no model and no collection: it is given a coroutine that answers one question.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from foveal.errors import (
    BadConfig,
    BadInput,
    Cancelled,
    FovealError,
    IndexError_,
    ModelUnavailable,
    StorageFull,
)
from foveal.evaluation.folder import RunFolder
from foveal.evaluation.predictions import Prediction, PredictionLog
from foveal.evaluation.questions import BadRow, Question
from foveal.types import Answer, Event

Asker = Callable[[Question, Callable[[Event], None]], Awaitable[Answer]]
"""Answers one question and hands on each event as it happens."""


ENDING = (StorageFull, Cancelled, BadConfig, ModelUnavailable, IndexError_)
"""Errors that every further question would meet too: they end the run, and no row is written for them."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: after ``prediction`` (None before the first). ``left`` is an estimate in seconds."""

    done: int
    total: int
    failed: int
    left: float | None
    question: Question | None = None
    prediction: Prediction | None = None


@dataclass(slots=True)
class Totals:
    """What a run came to. ``asked`` were asked now, ``kept`` were there before; ``seconds`` is wall time."""

    total: int
    kept: int = 0
    asked: int = 0
    failed: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    cancelled: bool = False


class Runner:
    """One ``eval run`` into a folder. *config* is what the answers depend on; it is hashed.

    *about* (versions, seeds, anything worth knowing) is written beside it and not compared. Where answers are
    *replayed*, their seconds are the recording's and their traces have no date: every replay leaves the same bytes.
    """

    def __init__(
        self,
        out: Path,
        *,
        config: Mapping[str, Any],
        about: Mapping[str, Any] | None = None,
        concurrency: int = 1,
        progress: Callable[[Progress], None] | None = None,
        replayed: bool = False,
    ) -> None:
        if concurrency < 1:
            raise BadInput("Concurrency must be at least 1.")
        self._folder = RunFolder(out, config)
        self._about = dict(about or {})
        self._concurrency = concurrency
        self._progress = progress or (lambda now: None)
        self._replayed = replayed
        self._began = 0.0

    def check(self) -> None:
        """Refuse a folder that holds a run of another configuration. Raises BadConfig."""
        self._folder.check()

    async def run(
        self,
        questions: Sequence[Question],
        ask: Asker,
        *,
        resume: bool = True,
        bad_rows: Sequence[BadRow] = (),
    ) -> Totals:
        """Ask *questions* that have no row yet; without *resume* start over.

        Rows are written as questions end, and put in the order of *questions* when all have. An exception of *ask*
        becomes a row of status ``failed``, but for those in :data:`ENDING`. On
        cancellation finished rows stay, and running questions are asked again by the next run.
        Raises BadConfig (the folder holds another configuration), BadInput, and those of :data:`ENDING`.
        """
        with self._folder.locked():
            kept = self._folder.prepare(resume=resume)
            todo = [question for question in questions if question.id not in kept]
            totals = Totals(total=len(questions), kept=len(questions) - len(todo))
            for question in questions:
                if question.id in kept:
                    _count(totals, kept[question.id])
            record = {"bad_rows": [str(row) for row in bad_rows], **self._about}
            self._folder.write_record({**record, "started_at": _now()}, totals={})
            self._began = time.perf_counter()
            try:
                with PredictionLog(self._folder.predictions) as log:
                    self._progress(self._state(totals))
                    await self._ask_all(todo, ask, log, totals)
                self._folder.put_in_order([question.id for question in questions])
            except asyncio.CancelledError:
                totals.cancelled = True
                raise
            finally:
                totals.seconds = round(time.perf_counter() - self._began, 3)
                self._folder.write_record({**record, "finished_at": _now()}, totals=asdict(totals))
            return totals

    async def _ask_all(self, todo: Sequence[Question], ask: Asker, log: PredictionLog, totals: Totals) -> None:
        waiting = iter(todo)

        async def worker() -> None:
            for question in waiting:
                prediction = await self._ask_one(question, ask)
                await asyncio.shield(asyncio.to_thread(log.append, prediction))
                totals.asked += 1
                _count(totals, prediction)
                self._progress(self._state(totals, question, prediction))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._concurrency, len(todo))):
                    group.create_task(worker())
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _ask_one(self, question: Question, ask: Asker) -> Prediction:
        events: list[dict[str, Any]] = []
        began, started_at = time.perf_counter(), _now()
        answer: Answer | None = None
        problem: dict[str, Any] | None = None
        try:
            answer = await ask(question, lambda event: events.append(asdict(event)))
            if answer.status == "cancelled":
                raise Cancelled("The question was cancelled.")
            seconds = answer.usage.seconds if self._replayed else time.perf_counter() - began
            prediction = Prediction.of(question.id, answer, seconds)
        except ENDING:
            raise
        except Exception as error:
            code = error.code if isinstance(error, FovealError) else "bug"
            problem = {"code": code, "type": type(error).__name__, "message": str(error)}
            seconds = 0.0 if self._replayed else round(time.perf_counter() - began, 3)
            prediction = Prediction(question.id, seconds=seconds, status="failed", stop_reason=code)
        trace = {
            "schema": "foveal.trace/1",
            "id": question.id,
            "question": question.question,
            "category": question.category,
            "images": [Path(image).name for image in question.images],
            "started_at": None if self._replayed else started_at,
            "prediction": asdict(prediction),
            "error": problem,
            "answer": answer.as_dict() if answer is not None else None,
            "events": [event for event in events if event["type"] not in ("answer.delta", "run.finished")],
        }
        await asyncio.to_thread(self._folder.write_trace, question.id, trace)
        return prediction

    def _state(
        self, totals: Totals, question: Question | None = None, prediction: Prediction | None = None
    ) -> Progress:
        done = totals.kept + totals.asked
        left = None
        if totals.asked:
            left = (time.perf_counter() - self._began) / totals.asked * (totals.total - done)
        return Progress(done, totals.total, totals.failed, left, question, prediction)


def _count(totals: Totals, prediction: Prediction) -> None:
    totals.statuses[prediction.status] = totals.statuses.get(prediction.status, 0) + 1
    totals.failed += prediction.status == "failed"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
