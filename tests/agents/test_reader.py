from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.agents.reader import Passage, Solved, solve
from foveal.errors import BudgetExceeded
from foveal.tools.models.scripted import ScriptedModel


def passage(title: str, text: str, n: int = 1, trusted: bool = False) -> Passage:
    return Passage(f"e{n}", f"d{n}", title, text, "text", 0, trusted)


async def test_a_key_is_read_without_the_model() -> None:
    solved = await solve(
        ScriptedModel([]), "What is the capital of Ida?", [passage("Ida", "Capital: Arx. Area: 3 km.")], names=("Ida",)
    )
    assert solved.reading is not None
    assert (solved.reading.answer, solved.reading.how) == ("Arx", "record")
    assert solved.reading.quote == "Capital: Arx"


async def test_the_longest_of_a_list_is_chosen_in_code() -> None:
    text = "Land boundaries:\n  border countries: Bel 1,200 km; Cor 13,000 km; Dun 45 km"
    solved = await solve(
        ScriptedModel([]),
        "Which country shares the longest land border with Ida?",
        [passage("Ida", text)],
        names=("Ida",),
    )
    assert solved.reading is not None
    assert (solved.reading.answer, solved.reading.how) == ("Cor", "extreme")


async def test_the_most_probable_passage_is_read_and_its_sentence_quoted() -> None:
    model = ScriptedModel([{"probability": 0.2}, {"probability": 0.95}, {"reply": " Bo Ek"}])
    passages = [passage("A", "Something else.", 1), passage("B", "First. It was built by Bo Ek in 1901. Last.", 2)]
    solved = await solve(model, "Who built the tower?", passages)
    assert solved.reading is not None
    assert (solved.reading.answer, solved.reading.passage.evidence_id, solved.reading.quote) == (
        "Bo Ek",
        "e2",
        "It was built by Bo Ek in 1901.",
    )


async def test_words_that_do_not_stand_in_the_passage_are_refused() -> None:
    model = ScriptedModel([{"probability": 0.95}, {"reply": " Eve Olm"}])
    solved = await solve(model, "Who built the tower?", [passage("B", "It was built by Bo Ek in 1901.")])
    assert solved.reading is None


async def test_who_is_somebody_with_a_name_if_anybody_is_named() -> None:
    new = passage("News", "The Dun Museum will be led by somebody new.", 1)
    named = passage("Dun Museum", "Jorun Elster leads the Dun Museum since March.", 2)
    script: list[dict[str, Any]] = [{"probability": 0.8, "repeat": True}, {"reply": " new"}, {"reply": " Jorun Elster"}]
    question = "Who leads the Dun Museum?"
    solved = await solve(ScriptedModel(script), question, [new, named], names=("Dun Museum",))
    assert solved.reading is not None and solved.reading.answer == "Jorun Elster"
    solved = await solve(ScriptedModel(script), question, [new], names=("Dun Museum",))
    assert solved.reading is not None and solved.reading.answer == "new"


async def test_nothing_probable_is_an_abstention() -> None:
    solved = await solve(ScriptedModel([{"probability": 0.1}]), "Who built the tower?", [passage("B", "It stands.")])
    assert solved.reading is None and solved.best == 0.1


async def test_a_passage_about_another_thing_counts_half() -> None:
    model = ScriptedModel([{"probability": 0.8}])
    solved = await solve(model, "Who built Ida Tower?", [passage("Bel Tower", "Built by Bo Ek.")], names=("Ida Tower",))
    assert solved.reading is None and solved.best == 0.4


async def test_a_label_is_not_an_answer_but_what_it_labels_is() -> None:
    model = ScriptedModel([{"probability": 0.95}, {"reply": " Case No"}])
    solved = await solve(
        model, "What is the case number?", [passage("p", "Court\nCase No: 21-131 Date Filed: 01/05/2022\nEnd")]
    )
    assert solved.reading is not None and solved.reading.answer == "21-131"


async def test_a_document_that_was_named_is_read_by_its_keys() -> None:
    page = passage("syllabus page 3", "UNIT 14: Using accounts\nUNIT 15: Exam")
    solved = await solve(ScriptedModel([]), "What is the topic of UNIT 14?", [page], names=(), scoped=True)
    assert solved.reading is not None and solved.reading.answer == "Using accounts"


async def test_a_value_that_is_the_thing_asked_about_is_no_answer() -> None:
    again = {"reply": " Ida County", "contains": "county is"}
    model = ScriptedModel([{"probability": 0.95}, {"reply": " Ida County"}, again])
    text = "Bel is a town in Ida County."
    solved = await solve(model, "Which county borders Ida County?", [passage("Bel", text)], names=("Ida County",))
    assert solved.reading is None


class Judging(ScriptedModel):
    """Says of the passage ``text n`` what the list has at n; notes how many calls were under way at once."""

    def __init__(self, probabilities: list[float], parallel: int) -> None:
        super().__init__([{"reply": " built", "repeat": True}])
        self.capabilities = replace(self.capabilities, parallel=parallel)
        self.probabilities = probabilities
        self.under_way = self.most = self.asked = 0

    async def yes_probability(self, messages: Any, **asked: Any) -> Any:
        self.under_way += 1
        self.asked += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        value = self.probabilities[int(messages[-1].content.split("text ")[1].split()[0])]
        if value < 0:
            raise BudgetExceeded("spent")
        return value, self._generation(messages, "Yes")


async def judged(probabilities: list[float], parallel: int, question: str) -> tuple[Solved | str, Judging]:
    model = Judging(probabilities, parallel)
    passages = [passage("A", f"text {n} was built.", n) for n in range(len(probabilities))]
    try:
        return await solve(model, question, passages), model
    except BudgetExceeded:
        return "refused", model


@given(
    st.lists(st.sampled_from([-1.0, 0.1, 0.3, 0.5, 0.8, 0.95]), max_size=6),
    st.integers(2, 5),
    st.sampled_from(["Who did it?", "Was it built?"]),
)
def test_questions_asked_side_by_side_come_to_the_same(some: list[float], parallel: int, question: str) -> None:
    alone, one = asyncio.run(judged(some, 1, question))
    beside, several = asyncio.run(judged(some, parallel, question))
    assert alone == beside and one.most <= 1 and several.most <= parallel
    assert one.asked <= several.asked


async def test_as_many_are_asked_at_once_as_the_model_takes() -> None:
    _, model = await judged([0.1, 0.1, 0.1, 0.1], 3, "Who did it?")
    assert (model.most, model.asked) == (3, 4)
    _, model = await judged([0.95, 0.1, 0.1, 0.1], 3, "Who did it?")
    assert model.asked == 3, "what is sure ends the search"
    assert (await judged([0.95, -1.0], 2, "Who did it?"))[0] != "refused", "what was asked in vain does no harm"
    with pytest.raises(BudgetExceeded):
        await solve(Judging([0.1, -1.0], 2), "Who did it?", [passage("A", f"text {n} built", n) for n in range(2)])
