"""Runs as other programs read them: CSV, TREC runs and judgements, rows for ragas and for deepeval.

Nothing is left out for being wrong or failed: a question without a prediction has its row, with empty fields.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from foveal.evaluation.failures import loss_of
from foveal.evaluation.score import Judged

UNABLE = "It cannot be told."
"""What is expected of an answer to a question that has none, where a format wants words."""
Traces = Mapping[str, Mapping[str, Any]]

COLUMNS = (
    "id", "category", "question", "gold", "answer_type", "answer", "status", "stop_reason", "correct", "loss",
    "exact", "f1", "recall", "ndcg", "mrr", "chain", "declined", "abstained", "confidence", "searches", "model_calls",
    "prompt_tokens", "completion_tokens", "usd", "seconds", "retrieved", "evidence",
)  # fmt: skip


def as_csv(judged: Iterable[Judged], traces: Traces, name: str = "") -> str:
    """Return a row a question with everything it was scored by; several values in one field stand on lines of it.

    Text that a spreadsheet would take for a formula gets an apostrophe before it, numbers stay as they are.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in judged:
        values = _values(row, traces.get(row.question.id))
        writer.writerow([_cell(values[column]) for column in COLUMNS])
    return out.getvalue()


def as_trec_run(judged: Iterable[Judged], traces: Traces, name: str = "foveal") -> str:
    """Return ``qid Q0 docid rank score tag``, a line a retrieved document, as ``trec_eval`` reads it.

    The score falls with the rank, so that nothing is ordered anew. White space in ids is written %20 and the like.
    """
    lines = []
    for row in judged:
        ranked = list(dict.fromkeys(row.prediction.retrieved)) if row.prediction else []
        for rank, doc_id in enumerate(ranked, 1):
            score = len(ranked) - rank + 1
            lines.append(f"{_word(row.question.id)} Q0 {_word(doc_id)} {rank} {score} {_word(name) or 'foveal'}\n")
    return "".join(lines)


def as_trec_qrels(judged: Iterable[Judged], traces: Traces, name: str = "") -> str:
    """Return ``qid 0 docid 1``, a line for each document of a question's evidence."""
    return "".join(
        f"{_word(row.question.id)} 0 {_word(doc_id)} 1\n"
        for row in judged
        for doc_id in dict.fromkeys(row.question.evidence)
    )


def as_ragas(judged: Iterable[Judged], traces: Traces, name: str = "") -> str:
    """Return JSON lines with the fields of ``ragas.SingleTurnSample`` (0.2 to 0.4): ``EvaluationDataset.from_jsonl``.

    Contexts are the quotes of the ledger in the order of retrieval, ``retrieved_context_ids`` their documents. Their
    whole texts stay in the collection. ``reference`` is the first alias.
    """
    return _lines(
        {
            "user_input": row.question.question,
            "response": row.prediction.answer if row.prediction else "",
            "retrieved_contexts": [quote for _, quote in contexts],
            "retrieved_context_ids": [doc_id for doc_id, _ in contexts],
            "reference_context_ids": list(row.question.evidence),
            "reference": _reference(row),
        }
        for row, contexts in _with_contexts(judged, traces)
    )


def as_deepeval(judged: Iterable[Judged], traces: Traces, name: str = "") -> str:
    """Return JSON lines with the fields of deepeval's ``LLMTestCase`` (4): ``LLMTestCase(**json.loads(line))``.

    ``metadata`` has the category, the run, whether the answer is right by Foveal's own rule, and the tools that were
    called in order: as ``tools_called`` it takes objects of its own only.
    """
    return _lines(
        {
            "name": row.question.id,
            "input": row.question.question,
            "actual_output": row.prediction.answer if row.prediction else "",
            "expected_output": _reference(row),
            "retrieval_context": [quote for _, quote in contexts],
            "token_cost": _usage(traces.get(row.question.id)).get("usd", 0.0),
            "completion_time": row.prediction.seconds if row.prediction else None,
            "metadata": {
                "category": row.question.category,
                "run": name,
                "correct": row.correct,
                "tools": _tools(traces.get(row.question.id) or {}),
            },
        }
        for row, contexts in _with_contexts(judged, traces)
    )


FORMATS: Mapping[str, Callable[[Iterable[Judged], Traces, str], str]] = {
    "csv": as_csv,
    "trec": as_trec_run,
    "trec-qrels": as_trec_qrels,
    "ragas": as_ragas,
    "deepeval": as_deepeval,
}


def _values(row: Judged, trace: Mapping[str, Any] | None) -> dict[str, Any]:
    given, answer, spent = row.prediction, (trace or {}).get("answer") or {}, _usage(trace)
    values: dict[str, Any] = {
        "id": row.question.id,
        "category": row.question.category,
        "question": row.question.question,
        "gold": row.question.answers,
        "answer_type": row.question.answer_type,
        "loss": loss_of(row, trace),
        "evidence": row.question.evidence,
        "confidence": answer.get("confidence"),
    }
    for key in ("correct", "exact", "f1", "recall", "ndcg", "mrr", "chain", "declined"):
        values[key] = getattr(row, key)
    for key in ("answer", "status", "stop_reason", "abstained", "searches", "seconds", "retrieved"):
        values[key] = getattr(given, key) if given else None
    for key in ("model_calls", "prompt_tokens", "completion_tokens", "usd"):
        values[key] = spent.get(key)
    return values


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, tuple):
        value = "\n".join(value)
    if isinstance(value, str):
        # what opens it may run a cell that starts like a formula
        risky = value.startswith(("=", "+", "-", "@", "\t", "\r")) and not re.fullmatch(r"[-+]?[\d.,\s]+%?", value)
        return f"'{value}" if risky else value
    return round(value, 6) if isinstance(value, float) else value


def _with_contexts(judged: Iterable[Judged], traces: Traces) -> Iterator[tuple[Judged, list[tuple[str, str]]]]:
    """Yield each question with (document, quote) of its ledger: in order of retrieval, the best score first."""
    for row in judged:
        rank = {doc_id: place for place, doc_id in reversed(list(enumerate(_retrieved(row))))}
        answer = (traces.get(row.question.id) or {}).get("answer") or {}
        ledger: Sequence[Mapping[str, Any]] = answer.get("evidence") or ()
        order = sorted(ledger, key=lambda e: (rank.get(str(e.get("doc_id")), len(rank)), -float(e.get("score") or 0)))
        quotes = ((str(item.get("doc_id") or ""), str(item.get("quote") or "")) for item in order)
        yield row, list(dict.fromkeys((doc_id, quote) for doc_id, quote in quotes if quote))


def _retrieved(row: Judged) -> tuple[str, ...]:
    return row.prediction.retrieved if row.prediction else ()


def _reference(row: Judged) -> str:
    return UNABLE if row.question.unanswerable else next(iter(row.question.answers), "")


def _tools(trace: Mapping[str, Any]) -> list[dict[str, Any]]:
    called = (event["data"] for event in trace.get("events") or () if event.get("type") == "tool.called")
    return [
        {"name": str(data.get("tool") or ""), "input_parameters": {"query": str(data.get("query") or "")}}
        for data in called
    ]


def _usage(trace: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return ((trace or {}).get("answer") or {}).get("usage") or {}


def _word(text: str) -> str:
    """Return *text* without white space, that a reader of columns takes it for one; told apart, it stays so."""
    return re.sub(r"[\s%]", lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), text)


def _lines(rows: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
