"""``foveal eval run`` with several strategies, ablations and samples, over a real collection; ``compare`` over them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes.lands import embedders, flag, lands

from foveal.api import Foveal
from foveal.cli import seams
from foveal.errors import ModelUnavailable
from foveal.settings import Settings
from foveal.tools.models.scripted import ScriptedModel
from foveal.types import ROLES, Capabilities

CAPITAL = "What is the capital of the country whose flag is shown?"


class Seer(ScriptedModel):
    """Tells a flag that it is shown, and fails on demand."""

    broken = False

    async def generate(self, messages: Any, **given: Any) -> Any:
        if self.broken and given.get("task") == "direct":
            raise ModelUnavailable("The weights are gone.")
        return await super().generate(messages, **given)


@pytest.fixture
def made() -> list[Settings]:
    return []


@pytest.fixture
def model() -> Seer:
    script = [{"task": "direct", "reply": "Arx", "repeat": True}]
    return Seer(script, capabilities=Capabilities(json_schema=True, logprobs=True))


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: list[Settings], model: Seer) -> Settings:
    def make(given: Settings) -> Foveal:
        made.append(given)
        foveal = Foveal(given)
        foveal.tools.__dict__.update(embedders=embedders(), models=dict.fromkeys(ROLES, model))
        return foveal

    monkeypatch.setattr(seams, "make_foveal", make)
    rows: list[dict[str, Any]] = [
        {"id": f"flag{n}", "question": CAPITAL, "images": [f"{name}.png"], "answers": [capital], "category": "flag"}
        for n, (name, capital) in enumerate((("Ida", "Arx"), ("Bel", "Dun"), ("Cor", "Eph")))
    ]
    rows.append({"id": "text", "question": "What is the capital of Bel?", "answers": ["Dun"], "category": "text"})
    for name in ("Ida", "Bel", "Cor"):
        (tmp_path / f"{name}.png").write_bytes(flag(name))
    Path("q.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return lands(tmp_path)


@pytest.fixture
def asked(foveal: Any, settings: Settings) -> Callable[..., Any]:
    return lambda *more: foveal("eval", "run", "q.jsonl", "--index", settings.index, "--out", "o", *more)


def rows_of(folder: str) -> dict[str, Any]:
    lines = Path(folder, "predictions.jsonl").read_text("utf-8").splitlines()
    return {row["id"]: row for row in map(json.loads, lines)}


def test_strategies_share_the_models_and_have_a_folder_each(asked: Any, foveal: Any, made: list[Settings]) -> None:
    done = asked("--strategy", "adaptive, two_step,direct")
    assert done.code == 0, done.err
    assert len(made) == 1, "models are loaded once"
    assert [row["answer"] for row in rows_of("o/adaptive").values()] == ["Arx", "Dun", "Eph", "Dun"]
    assert [row["answer"] for row in rows_of("o/direct").values()] == ["Arx"] * 4
    assert "two_step (2 of 3) [4/4]" in done.err and "direct: 4 questions (0 from before): 4 answered" in done.out
    assert not Path("o/predictions.jsonl").exists()
    for name in ("adaptive", "two_step", "direct"):
        record = json.loads(Path("o", name, "run.json").read_text("utf-8"))
        trace = json.loads(Path("o", name, "traces", "flag0.json").read_text("utf-8"))
        assert record["config"]["strategy"] == trace["answer"]["config"]["strategy"] == name

    found = json.loads(foveal("eval", "compare", "q.jsonl", "o", "--overall", "--json").out)
    assert [(row["run"], row["accuracy"]) for row in found["rows"]] == [
        ("adaptive", 1.0),
        ("two_step", 1.0),
        ("direct", 0.25),
    ]
    assert found["questions"] == 4 and found["ablations"] is None
    shown = foveal("eval", "compare", "q.jsonl", "o/direct", "o/adaptive", "--overall", "--markdown").out
    assert shown.startswith("| run | n |") and "| adaptive | 4 | 1.000 (1.00..1.00) |" in shown
    assert "<br/>" not in shown
    matrix = foveal("eval", "compare", "q.jsonl", "o/direct", "o/adaptive", "--markdown").out.split("\n\n")[1]
    categories = json.loads(foveal("eval", "compare", "q.jsonl", "o/direct", "--json").out)["rows"]
    named = [f" {row['category']} ({row['n']}) " for row in categories if row["category"] != "ALL"]
    rows = [line.strip("|").split("|") for line in matrix.splitlines()]
    assert rows[0] == [" run ", *named] and [row[0] for row in rows[2:]] == [" direct ", " adaptive "]
    for line in rows[2:]:
        assert all(re.fullmatch(r" [01]\.\d\d \([\d.]+\)<br/>[\d.]+ calls, [\d.]+ s ", cell) for cell in line[1:])


def test_what_was_killed_goes_on_as_a_whole(asked: Any, model: Seer) -> None:
    model.broken = True
    command = ("--strategy", "adaptive,direct", "--json")
    assert asked(*command).code == 4
    assert len(rows_of("o/adaptive")) == 4 and rows_of("o/direct") == {}
    model.broken = False
    done = asked(*command)
    assert done.code == 0, done.err
    runs = json.loads(done.out)["runs"]
    assert [(run["run"], run["kept"], run["asked"]) for run in runs] == [("adaptive", 4, 0), ("direct", 0, 4)]


def test_a_wrong_name_is_known_before_anything_is_made(asked: Any, made: list[Settings]) -> None:
    for given in ("adaptive,adaptve", "adaptive,adaptive", "adaptive,,direct"):
        done = asked("--strategy", given)
        assert done.code == 2 and not made and not Path("o").exists()
    assert "two_step" in asked("--strategy", "adaptive,adaptve").err


def test_a_folder_of_another_configuration_is_known_before_the_first_question(asked: Any, made: list[Settings]) -> None:
    asked("--strategy", "direct,adaptive", "--limit", 1)
    Path("o/direct/predictions.jsonl").unlink()
    again = asked("--strategy", "direct,adaptive", "--profile", "deep")
    assert again.code == 2 and "profile changed" in again.err
    assert len(made) == 1 and not Path("o/direct/predictions.jsonl").exists()


def test_ablations_leave_out_the_search_and_the_pictures(asked: Any, foveal: Any, made: list[Settings]) -> None:
    done = asked("--strategy", "adaptive", "--closed-book", "--no-image")
    assert done.code == 0, done.err
    config = {
        name: json.loads(Path("o", name, "run.json").read_text())["config"] for name in ("closed_book", "no_image")
    }
    assert config["closed_book"]["ablation"] == "closed_book" and config["closed_book"]["index"] is None
    assert config["no_image"]["ablation"] == "no_image" and len(made) == 1
    images = {
        name: json.loads(Path("o", name, "traces", "flag0.json").read_text("utf-8"))["images"]
        for name in ("adaptive", "closed_book", "no_image")
    }
    assert images == {"adaptive": ["Ida.png"], "closed_book": ["Ida.png"], "no_image": []}
    assert all(row["searches"] == 0 for name in config for row in rows_of(f"o/{name}").values())

    found = json.loads(foveal("eval", "compare", "q.jsonl", "o", "--json").out)["ablations"]
    (pictures,), (searching,) = found["pictures"], found["searching"]
    assert (pictures["n"], pictures["gain"], pictures["leaked"]) == (3, 0.0, None)
    assert (searching["run"], searching["gain"], searching["n"]) == ("adaptive", 0.75, 4)
    shown = foveal("eval", "compare", "q.jsonl", "o").out
    assert "pictures: model" in shown and "searching: run" in shown


def test_one_ablation_alone_is_the_run(asked: Any) -> None:
    done = asked("--no-image")
    assert done.code == 0, done.err
    assert len(rows_of("o")) == 4
    other = asked("--closed-book")
    assert other.code == 2 and "ablation changed" in other.err


def test_a_sample_is_in_the_configuration(asked: Any) -> None:
    assert asked("--sample", 2, "--seed", 3).code == 0
    record = json.loads(Path("o/run.json").read_text("utf-8"))
    assert record["config"]["sample"] == 2 and record["config"]["seed"] == 3 and record["seed"] == 3
    first = set(rows_of("o"))
    assert "sample changed" in asked("--sample", 3, "--seed", 3).err
    assert asked("--sample", 3, "--seed", 3, "--no-resume").code == 0
    assert len(first) == 2 and first < set(rows_of("o"))
    both = asked("--sample", 2, "--limit", 1)
    assert both.code == 2 and "--sample or --limit" in both.err


def test_compare_counts_only_what_every_run_was_asked(asked: Any, foveal: Any) -> None:
    asked("--strategy", "direct", "--limit", 2)
    Path("o").rename("short")
    asked("--strategy", "adaptive")
    done = foveal("eval", "compare", "q.jsonl", "o", "short", "--overall")
    assert done.code == 0 and "2 questions were asked in every run and count; asked were: o 4, short 2" in done.err
    assert "o    " in done.out.splitlines()[1] and " 2  1.000" in done.out.splitlines()[1]
    nothing = foveal("eval", "compare", "q.jsonl", "corpus")
    assert nothing.code == 2 and "no run in corpus" in nothing.err


def test_what_answers_depend_on_is_in_the_configuration_once_it_is_chosen(
    asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asked("--strategy", "direct", "--limit", 1).code == 0
    assert "selector" not in json.loads(Path("o/run.json").read_text("utf-8"))["config"]
    monkeypatch.setenv("FOVEAL_SELECTOR", "fixed:3")
    done = asked("--strategy", "direct")
    assert done.code == 2 and "selector changed" in done.err
