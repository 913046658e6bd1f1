"""What the task asks and how an answer is judged: as ``foveal eval score`` does."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from datasets import Dataset

from foveal.evaluation import metrics
from foveal.evaluation.questions import Question, load_questions

HERE = Path(__file__).resolve().parents[2]


def rows(given: Any) -> Dataset:
    """Return a row a question; what the loader read of the file is left for ours, which knows the format."""
    loaded = load_questions(Path(os.environ.get("QUESTIONS") or HERE / "questions.jsonl"))
    return Dataset.from_list([{"id": q.id, "row": q.model_dump_json()} for q in loaded.questions])


def _question(doc: dict[str, Any]) -> Question:
    return Question.model_validate_json(doc["row"])


def pictures(doc: dict[str, Any]) -> list[str]:
    """Return the paths of a question's pictures."""
    return list(_question(doc).images)


def words(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, str] | None = None) -> str:
    """Return a question's words."""
    around = lmms_eval_specific_kwargs or {}
    return f"{around.get('pre_prompt', '')}{_question(doc).question}{around.get('post_prompt', '')}"


def target(doc: dict[str, Any]) -> str:
    """Return the first of the accepted answers."""
    return next(iter(_question(doc).answers), "unable to determine")


def results(doc: dict[str, Any], given: list[str]) -> dict[str, float]:
    """Return the measures of one answer; marks of citations are no part of it."""
    question = _question(doc)
    answer = re.sub(r"\s*\[\d{1,3}\]", "", given[0]).strip()
    return {
        "accuracy": float(metrics.is_correct(answer, question.answers, question.answer_type)),
        "exact_match": float(metrics.exact_match(answer, question.answers)),
        "f1": metrics.token_f1(answer, question.answers),
    }
