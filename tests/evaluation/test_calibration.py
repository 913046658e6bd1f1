"""``foveal eval calibrate``: what confidences are worth, and the map that is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveal.cli.app import run as command
from foveal.errors import BadInput, StorageFull
from foveal.evaluation import calibration
from foveal.evaluation.calibration import Origin, Sure, fit, origin, report, save, sure_answers
from foveal.evaluation.predictions import Prediction
from foveal.evaluation.questions import Question
from foveal.evaluation.score import judge

ANSWERS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30)
OF = Origin("openai:big/model", "a" * 64, "c0ffee")


def overconfident(n: int = 2000) -> Sure:
    """Answers that say 0.5 to 1 and are right half as often."""
    random = np.random.default_rng(3)
    said = random.uniform(0.5, 1, n)
    return Sure(tuple(said.tolist()), tuple(bool(r) for r in random.uniform(size=n) < said / 2))


@given(ANSWERS)
def test_isotonic_is_that_of_scikit_learn(answers: list[tuple[float, bool]]) -> None:
    isotonic = pytest.importorskip("sklearn.isotonic").IsotonicRegression
    said, right = [round(c, 3) for c, _ in answers], [r for _, r in answers]
    wanted = isotonic(y_min=0, y_max=1, out_of_bounds="clip").fit(said, right).predict(said)
    fitted = fit(said, right)
    assert [fitted(c) for c in said] == pytest.approx(wanted.tolist(), abs=1e-9)


@given(ANSWERS, st.sampled_from(["isotonic", "platt"]), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=60)
def test_a_map_gives_chances_and_never_turns_an_order(answers: Any, method: Any, one: float, other: float) -> None:
    fitted = fit([c for c, _ in answers], [r for _, r in answers], method=method)
    low, high = sorted((one, other))
    assert 0 <= fitted(low) <= fitted(high) + 1e-12 <= 1 + 1e-9
    if method == "isotonic":  # what least squares keeps
        mean = sum(fitted(c) for c, _ in answers) / len(answers)
        assert mean == pytest.approx(sum(r for _, r in answers) / len(answers), abs=1e-9)


@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_a_fit_mends_confidences_that_are_too_high(method: Any) -> None:
    found = report(overconfident(), method=method)
    assert found.raw.ece_width > 0.3 and found.fitted.ece_width < 0.1 and found.helps
    fitted = fit(overconfident().confidences, overconfident().right, method=method)
    assert fitted(0.8) == pytest.approx(0.4, abs=0.08)
    assert found.thresholds[0.2] is None


def test_the_figures_of_a_fit_are_of_answers_it_did_not_see() -> None:
    random = np.random.default_rng(5)
    noise = Sure(tuple(random.uniform(size=40).tolist()), tuple(bool(r) for r in random.uniform(size=40) < 0.5))
    fitted = fit(noise.confidences, noise.right)
    seen = calibration.measure.brier([fitted(c) for c in noise.confidences], noise.right)
    assert report(noise).fitted.brier > seen + 0.02
    assert report(noise) == report(noise)


def test_one_answer_alike_answers_and_none() -> None:
    assert fit([0.9], [True])(0.1) == 1.0
    assert 0.4 < fit([0.5] * 6, [True, False] * 3, method="platt")(0.5) < 0.6
    assert report(Sure((0.9,), (False,))).n == 1
    with pytest.raises(BadInput, match="no answer"):
        report(Sure((), ()))


def test_what_was_declined_or_failed_gives_no_answer() -> None:
    asked = [Question(id=f"q{n}", question="?", answers=("Chad",)) for n in range(5)]
    rows = [
        Prediction("q0", "Chad", status="answered"),
        Prediction("q1", "Mali", status="answered"),
        Prediction("q2", "", abstained=True, status="insufficient"),
        Prediction("q3", status="failed"),
    ]
    traces = {f"q{n}": {"answer": {"confidence": n / 10}} for n in range(5)} | {"q3": {"answer": None}}
    sure = sure_answers(judge(asked, {row.id: row for row in rows}), traces)
    assert sure == Sure((0.0, 0.1), (True, False)) and len(sure) == 2


def test_a_map_is_kept_with_its_model_and_its_questions(tmp_path: Path) -> None:
    sure = overconfident(50)
    fitted = fit(sure.confidences, sure.right)
    path = save(tmp_path / "new", report(sure), fitted, OF)
    assert path.name == f"calibration-openai-big-model-{'a' * 12}.json"
    again, record = calibration.load(path)
    assert again == fitted and record["model"] == OF.model and record["questions_sha256"] == OF.questions_sha256
    assert record["n"] == 50 and record["config_hash"] == "c0ffee" and record["helps"] is True
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFull, match="cannot be written"):
        save(tmp_path / "file", report(sure), fitted, OF)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": "foveal.calibration/1", "knots": []}', '{"schema": "x"}'])
def test_a_file_that_is_no_map_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(BadInput, match="holds no calibration"):
        calibration.load(path)


def test_a_run_says_who_answered(tmp_path: Path) -> None:
    assert origin(tmp_path, "s").model == "unknown" and origin(tmp_path, "s").warnings
    config = {"model": "embedded", "answer_model": "openai:x", "solver_model": None, "questions": "s"}
    (tmp_path / "run.json").write_text(json.dumps({"config": config, "config_hash": "h"}))
    assert origin(tmp_path, "s") == Origin("embedded+openai:x", "s", "h")
    assert "another state" in origin(tmp_path, "t").warnings[0]


def write_run(folder: Path, answers: int) -> Path:
    """Write a question file and a run of *answers*, sure of 0.9 and right every second time; return the questions."""
    (folder / "r" / "traces").mkdir(parents=True)
    asked = [{"id": f"q{n}", "question": "?", "answers": ["Chad"], "evidence": ["d1"]} for n in range(answers)]
    questions = folder / "q.jsonl"
    questions.write_text("\n".join(map(json.dumps, asked)))
    rows = []
    for n in range(answers):
        said = "Chad" if n % 2 else "Mali"
        rows.append({"id": f"q{n}", "answer": said, "retrieved": ["d0", "d1"], "searches": 1, "status": "answered"})
        evidence = {"id": "e1", "doc_id": "d1", "quote": "Chad has a lake.", "tool": "collection"}
        cited = {"n": 1, "evidence_id": "e1", "doc_id": "d1", "title": "", "quote": "Chad has a lake."}
        answer = {
            "answer": f"{said} [1]", "status": "answered", "confidence": 0.9, "citations": [cited], "plan": [],
            "evidence": [evidence],
            "usage": {"model_calls": 2, "prompt_tokens": 10, "completion_tokens": 5, "usd": 0.25},
        }  # fmt: skip
        events = [
            {"type": "tool.called", "data": {"tool": "collection", "step": "s1", "query": "lake"}},
            {"type": "evidence.added", "data": {"id": "e1", "doc_id": "d1", "step": "s1"}},
        ]
        trace = {"id": f"q{n}", "answer": answer, "events": events}
        (folder / "r" / "traces" / f"q{n}.json").write_text(json.dumps(trace))
    (folder / "r" / "predictions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return questions


def test_the_command_reports_and_keeps_a_map(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    questions = write_run(tmp_path, 20)
    assert command(["eval", "calibrate", str(questions), str(tmp_path / "r"), "--out", str(tmp_path / "kept")]) == 0
    shown = capsys.readouterr()
    assert "20 answers of unknown: 0.500 right, mean confidence 0.900" in shown.out
    assert "does not say which model" in shown.err
    (kept,) = (tmp_path / "kept").iterdir()
    assert calibration.load(kept)[0](0.9) == pytest.approx(0.5)
    assert command(["eval", "calibrate", str(questions), str(tmp_path / "r"), "--method", "platt", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["raw"]["ece_width"] == pytest.approx(0.4) and found["kept"].startswith(str(tmp_path / "r"))
    assert command(["eval", "calibrate", str(questions), str(tmp_path / "r"), "--method", "magic"]) == 2


def test_scores_tell_the_way_to_the_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    questions = write_run(tmp_path, 4)
    assert command(["eval", "score", str(questions), str(tmp_path / "r"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["scores"]["ALL"]["mrr"] == 0.5 and found["scores"]["ALL"]["ndcg"] == pytest.approx(0.63093, abs=1e-5)
    way = found["ways"]["ALL"]
    assert (way["citation_precision"], way["citation_recall"]) == (0.5, 0.5)  # the quote never says Mali
    assert (way["n"], way["calls"], way["redundant"], way["idle"], way["coverage"]) == (4, 1.0, 0.0, 0.0, 1.0)
    assert (way["model_calls"], way["tokens"], way["usd"]) == (2.0, 15.0, 0.25)
    assert command(["eval", "score", str(questions), str(tmp_path / "r" / "predictions.jsonl")]) == 0
    shown = capsys.readouterr().out
    assert "nDCG" in shown and "cit.P" in shown
