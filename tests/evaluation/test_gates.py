"""The sufficiency gate fitted to a run, kept in a calibration, and used with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fakes.lands import flag, lands, wired
from hypothesis import given
from hypothesis import strategies as st

from foveal.api import Foveal, replayed
from foveal.cli.app import run as command
from foveal.errors import BadConfig, BadInput
from foveal.evaluation.gates import GATES, Case, at, fit, fitted_gate
from foveal.graphs.calibrated import SCHEMA, Calibration, load_calibration, model_of
from foveal.settings import Settings
from foveal.types import Answer

TOWER = "Who built the Eph Tower?"
READS = [{"task": "read", "probability": 0.6, "repeat": True}, {"task": "read", "reply": "Bo Ek", "repeat": True}]
CASES = st.lists(
    st.builds(Case, st.uuids().map(str), st.none() | st.floats(0, 1), st.booleans(), st.booleans()), min_size=1
)


def mixed() -> list[Case]:
    right = [Case(f"r{n}", 0.6 + n / 100, True, False) for n in range(20)]
    return [*right, *(Case(f"w{n}", 0.2 + n / 100, False, True) for n in range(20))]


@given(CASES, st.sampled_from(GATES))
def test_a_gate_is_the_best_of_those_that_can_be_known(cases: list[Case], lowest: float) -> None:
    best = fit(cases, lowest=lowest)
    assert best >= lowest
    assert all(at(best, cases).accuracy >= at(gate, cases).accuracy for gate in GATES if gate >= lowest)
    found = fitted_gate(cases, lowest)
    assert 0 <= found.held_out <= 1 and found.accuracy >= at(lowest, cases).accuracy


def test_a_gate_is_judged_on_what_it_was_not_fitted_to() -> None:
    found = fitted_gate(mixed(), 0.1)
    assert (found.n, found.before, found.accuracy, found.held_out) == (40, 0.5, 1.0, 1.0) and found.helps
    assert 0.39 < found.threshold <= 0.6
    noise = [Case(f"n{n}", (n * 37 % 100) / 100, n % 3 == 0, False) for n in range(60)]
    assert not fitted_gate(noise, 0.1).helps
    with pytest.raises(BadInput, match="no answer to fit"):
        fitted_gate([], 0.1)


def write(folder: Path, model: str = "embedded", **changes: Any) -> Path:
    record = {
        "schema": SCHEMA, "model": model, "questions_sha256": "a" * 64, "n": 40, "method": "isotonic",
        "knots": [[0.0, 0.0], [1.0, 0.5]], "gates": {}, **changes,
    }  # fmt: skip
    path = folder / "fit.json"
    path.write_text(json.dumps(record))
    return path


async def ask(settings: Settings, **more: Any) -> Answer:
    async with wired(settings, READS) as foveal:
        return await foveal.ask(TOWER, **more)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return lands(tmp_path).model_copy(update={"persist": False})


async def test_confidences_are_mapped_and_the_answer_says_by_what(settings: Settings, tmp_path: Path) -> None:
    plain = await ask(settings)
    fitted = await ask(settings.model_copy(update={"calibration": write(tmp_path)}))
    assert plain.status == fitted.status == "answered" and plain.answer == fitted.answer
    assert fitted.confidence == pytest.approx(plain.confidence / 2, abs=1e-3)
    assert [s.confidence for s in fitted.plan] == [s.confidence for s in plain.plan]
    assert "calibration" not in plain.config
    told = fitted.config["calibration"]
    assert (told["model"], told["questions_sha256"], told["n"], told["sufficiency"]) == ("embedded", "a" * 64, 40, None)
    assert fitted.config["config_hash"] != plain.config["config_hash"]


@pytest.mark.parametrize(
    ("gate", "own", "status"), [(0.3, None, "answered"), (0.9, None, "insufficient"), (0.9, 0.3, "answered")]
)
async def test_the_fitted_gate_decides_unless_one_is_set(
    settings: Settings, tmp_path: Path, gate: float, own: float | None, status: str
) -> None:
    path = write(tmp_path, gates={"sufficiency": {"threshold": gate, "n": 40}})
    answer = await ask(settings.model_copy(update={"calibration": path, "sufficiency": own}))
    assert answer.status == status


async def test_the_fit_of_another_model_is_refused(settings: Settings, tmp_path: Path) -> None:
    path = write(tmp_path, model="openai:big")
    with pytest.raises(BadConfig, match="of the model openai:big, and embedded answers") as problem:
        await ask(settings.model_copy(update={"calibration": path}))
    assert "foveal eval calibrate" in problem.value.remedy
    mixed_models = settings.model_copy(update={"calibration": write(tmp_path, model="embedded+openai:big")})
    async with Foveal(mixed_models.model_copy(update={"answer_model": "openai:big"})) as foveal:
        assert foveal.tools.calibration is not None


async def test_a_recording_holds_its_fit(settings: Settings, tmp_path: Path) -> None:
    path = write(tmp_path)
    first = await ask(settings.model_copy(update={"calibration": path}), record=tmp_path / "run.tape")
    path.unlink()
    last: Any = None
    async for event in replayed(tmp_path / "run.tape"):
        last = event
    assert last.data["answer"] == first and first.confidence > 0


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": "x"}, {"knots": []}, {"knots": [[1, 0], [0, 1]]}, {"knots": [[0, 2]]}, {"knots": None},
        {"gates": {"sufficiency": {"threshold": 3}}}, {"gates": {"sufficiency": {}}}, {"gates": [1]},
    ],
)  # fmt: skip
def test_what_is_no_fit_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="holds no calibration"):
        load_calibration(write(tmp_path, **changes))


def test_the_name_of_mixed_models() -> None:
    assert model_of({"model": "a", "planner_model": "b", "answer_model": "a"}) == "a+b"
    assert model_of({}) == "unknown" and Calibration.of(json.loads(
        '{"schema": "foveal.calibration/1", "model": "a", "method": "platt", "knots": [[0, 1]]}'
    )).sufficiency is None  # fmt: skip


def test_from_a_run_with_a_low_gate_to_a_run_with_the_fitted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Eval run → calibrate → eval run --calibration: the configuration names what it was fitted on."""
    from foveal.cli import seams

    settings = lands(tmp_path)
    monkeypatch.setattr(seams, "make_foveal", lambda given_: wired(given_, READS))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Ida.png").write_bytes(flag("Ida"))
    rows: list[dict[str, Any]] = [{"id": f"t{n}", "question": TOWER, "answers": ["Bo Ek"]} for n in range(4)]
    rows += [{"id": f"u{n}", "question": "Who guards the Eph Tower?", "answer_type": "abstain"} for n in range(4)]
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, rows)))
    run = ["eval", "run", "q.jsonl", "--index", str(settings.index), "--out"]
    monkeypatch.setenv("FOVEAL_SUFFICIENCY", "0.1")
    assert command([*run, "low"]) == 0
    monkeypatch.delenv("FOVEAL_SUFFICIENCY")
    capsys.readouterr()
    assert command(["eval", "calibrate", "q.jsonl", "low", "--json"]) == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    gate = found["gates"]["sufficiency"]
    assert (gate["run_gate"], gate["n"]) == (0.1, 8) and found["curve"] and found["raw"]["ece_width"] >= 0
    record = load_calibration(Path(found["kept"])).record
    assert record["gates"]["sufficiency"]["questions_sha256"] == record["questions_sha256"] == found["questions_sha256"]
    assert command([*run, "fitted", "--calibration", found["kept"]]) == 0
    config = json.loads(Path("fitted/run.json").read_text("utf-8"))["config"]
    assert config["calibration"]["questions_sha256"] == config["questions"]
    assert config["calibration"]["sufficiency"] == gate["threshold"]
    capsys.readouterr()
    assert command(["eval", "calibrate", "q.jsonl", "fitted"]) == 2
    assert "went through a calibration already" in capsys.readouterr().err
    assert command([*run, "other", "--calibration", found["kept"], "--model", "scripted:x"]) == 2
    assert "of the model embedded, and scripted:x answers" in capsys.readouterr().err
    assert not Path("other/predictions.jsonl").exists()
