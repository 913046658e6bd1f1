from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest
from fakes.bench import script

from foveal.types import Plan, SubQuestion

ROW = {
    "id": "q1",
    "question": "Who founded the city where the author of Emma was born?",
    "decomposition": [
        {"question": "Emma >> author"},
        {"question": "where was #1 born"},
        {"question": "who founded #2"},
    ],
}


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    return script("decomposition")


def plan(*texts: str) -> Plan:
    steps = []
    for n, text in enumerate(texts, 1):
        parents = tuple(f"s{m}" for m in range(1, n) if f"#s{m}" in text)
        steps.append(SubQuestion(f"s{n}", text, depends_on=parents))
    return Plan(tuple(steps))


def test_the_gold_plan_itself_is_exact(bench: ModuleType) -> None:
    got = bench.score(ROW, plan("Who is the author of Emma?", "In which city was #s1 born?", "Who founded #s2?"))
    assert (got.found, got.gold, got.planned, got.pairs, got.ordered, got.exact) == (3, 3, 3, 3, 3, True)


def test_one_look_up_for_all_is_under_split(bench: ModuleType) -> None:
    got = bench.score(ROW, plan(ROW["question"]))
    assert got.found == 1
    assert len(got.missed) == 2


def test_a_step_beyond_is_over_split_and_steps_side_by_side_are_out_of_order(bench: ModuleType) -> None:
    flat = bench.score(
        ROW, plan("Who is the author of Emma?", "Who founded the city where the author of Emma was born?")
    )
    assert flat.ordered < flat.pairs
    more = bench.score(
        ROW, plan("Who is the author of Emma?", "What is Emma?", "In which city was #s1 born?", "Who founded #s3?")
    )
    assert bench.summary([more])["over_splitting"] == 0.25
    assert not more.exact


def test_the_other_shapes_of_gold(bench: ModuleType) -> None:
    triples = {"question": ROW["question"], "evidences": [["Emma", "author", "Ann"], ["Ann", "born", "Ely"]]}
    assert [h.parents for h in bench.gold_hops(triples)] == [(), (0,)]
    assert len(bench.gold_hops({"question": "x", "question_decomposition": ["a", "b #1"]})) == 2
    assert bench.gold_hops({"question": "x"}) == []


def test_it_prints_what_it_found(bench: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    questions = tmp_path / "q.jsonl"
    questions.write_text(json.dumps(ROW) + "\n" + json.dumps({"question": "no gold"}) + "\n", encoding="utf-8")
    bench.main([str(questions), "--json"])
    assert json.loads(capsys.readouterr().out)["summary"]["hops_found"] == 1.0
    bench.main([str(questions), "--verbose"])
    assert "exact" in capsys.readouterr().out
