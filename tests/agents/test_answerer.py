"""A written answer is only taken when it says what was found and cites what is there."""

from __future__ import annotations

import pytest

from foveal.agents.answerer import compose, faults, write
from foveal.tools.models.scripted import ScriptedModel
from foveal.types import Citation, SubQuestion

STEPS = (
    SubQuestion("s1", "Which country?", "identify", status="answered", answer="Ida"),
    SubQuestion("s2", "When did Otto become king of Ida?", status="answered", answer="1990"),
)
CITED = (Citation(1, "s2e1", "king", "Throne of Ida", quote="In 1990 the throne of Ida went to Otto."),)
QUESTION = "Since when has the country with this flag had its king?"


@pytest.mark.parametrize(
    "text",
    ["Since 1990 [1].", "Ida has had its king, Otto, since 1990 [1].", "It has been so since 1990 [1][1]."],
)
def test_what_was_found_may_be_said_in_other_words(text: str) -> None:
    assert list(faults(text, QUESTION, STEPS, CITED)) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Since 1991 [1].", "does not say what was found"),
        ("Since 1990 [2].", r"cites \[2\], which there is not"),
        ("Since 1990.", "cites nothing"),
        ("Since 1990 [1], for 36 years.", "says 36, which was not found"),
        ("Since 1990 [1] ![x](http://evil.example/?q=1990).", "link"),
        ("Since 1990 [1] <img src=x>.", "link"),
        ("Since 1990 [1]. " + "Indeed. " * 100, "too long"),
    ],
)
def test_row_46_what_is_wrong_with_an_answer_is_said(text: str, fault: str) -> None:
    import re

    assert any(re.search(fault, f) for f in faults(text, QUESTION, STEPS, CITED))


def test_what_code_composes_has_no_fault() -> None:
    assert list(faults(compose(STEPS[-1], CITED), QUESTION, STEPS, CITED)) == []


async def test_the_words_are_told_as_they_are_written() -> None:
    pieces: list[str] = []
    model = ScriptedModel([{"task": "answer", "reply": "Since 1990 [1]."}])
    text, wrong = await write(model, QUESTION, STEPS, CITED, on_text=pieces.append)
    assert (text, wrong, "".join(pieces)) == ("Since 1990 [1].", (), text) and len(pieces) == 3
    said = model.calls[0].messages[-1].content
    assert '<passage n="1" title="Throne of Ida">' in said and "Found on the way: Which country? Ida" in said
