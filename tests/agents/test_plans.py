"""Every form of question that is taken apart without a model, each with its whole plan (``plans.txt``)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from foveal.agents.decompose import decompose
from foveal.types import ImageRef, SubQuestion


def told(step: SubQuestion) -> str:
    if step.purpose == "compute":
        return f"[{step.op}] {' '.join(step.depends_on)}"
    return f"{step.text} [{step.op}]" if step.op else step.text


def cases() -> Iterator[object]:
    form = question = ""
    wanted: list[str] = []
    lines = Path(__file__).with_name("plans.txt").read_text(encoding="utf-8").splitlines()
    for line in [*lines, "=="]:
        if line.startswith("- "):
            wanted.append(line[2:])
            continue
        if question:
            yield pytest.param(int(question[0]), question[2:], wanted, id=f"{form}: {question[2:50]}")
        question, wanted = (line, []) if line[:1].isdigit() else ("", [])
        form = line[3:] if line.startswith("== ") else form


@pytest.mark.parametrize(("pictures", "question", "wanted"), cases())
def test_a_question_of_this_form_has_this_plan(pictures: int, question: str, wanted: list[str]) -> None:
    steps = decompose(question, tuple(ImageRef(f"sha{n}", 10, 10) for n in range(pictures))).steps
    assert [told(s) for s in steps if s.purpose != "identify"] == wanted
    seen: set[str] = set()
    for step in steps:
        assert set(step.depends_on) <= seen
        seen.add(step.id)
    assert sum(s.purpose == "identify" for s in steps) == pictures


def test_operands_of_a_choice_say_what_they_belong_to() -> None:
    steps = decompose("Which film has the director who died later, Red Dawn or Green Fields?").steps
    assert [s.noun for s in steps] == ["", "", "Red Dawn", "Green Fields", ""]
    assert steps[-1].depends_on == ("s3", "s4")


def test_what_must_hold_is_kept_with_the_step() -> None:
    steps = decompose("Norland has exactly one land neighbour. Which currency does that neighbour use?").steps
    assert [s.op for s in steps] == ["only", ""]
