"""What counts as right, and how retrieval is measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.evaluation.metrics import (
    chain_found,
    exact_match,
    is_correct,
    normalise,
    numbers_in,
    recall_at,
    token_f1,
)

NAMES = st.text(alphabet="abcdefgh ABC-", min_size=1, max_size=20).filter(lambda text: normalise(text) != "")
WORDS = st.lists(st.sampled_from(["red", "blue", "lake", "of", "the"]), min_size=1, max_size=6)
IDS = st.lists(st.sampled_from("abcdefghij"), unique=True, max_size=10)


@pytest.mark.parametrize(
    ("answer", "answers", "kind", "right"),
    [
        ("The Haitian gourde.", ["Haitian gourde", "HTG"], "string", True),
        ("It is the Haitian Gourde [1]", ["Haitian gourde"], "string", True),
        ("HTG", ["Haitian gourde", "HTG"], "string", True),
        ("it uses htg", ["HTG"], "string", False),
        ("It is Italy", ["IT"], "string", False),
        ("Kilimandjaro", ["Kilimanjaro"], "string", True),
        ("São Tomé", ["Sao Tome"], "string", True),
        ("Paris " + "and more " * 40, ["Paris"], "string", False),
        ("Parisian", ["Paris"], "string", False),
        ("Киев", ["Киев"], "string", True),
        ("Минск", ["Киев"], "string", False),
        ("2,430 m", ["2430"], "number", True),
        ("about 2431", ["2430"], "number", False),
        ("1 of 3 is 7", ["3"], "number", False),
        ("from 1 to 3", ["3"], "number", True),
        ("twelve", ["12"], "number", True),
        ("47", ["46"], "number_relaxed5", True),
        ("49", ["46"], "number_relaxed5", False),
        ("none", ["46"], "number", False),
        ("Yes, both are.", ["yes"], "yesno", True),
        ("No; though yes once", ["yes"], "yesno", False),
        ("Noon", ["no"], "yesno", False),
        ("August 10, 1821", ["August 10, 1821", "1821-08-10"], "date", True),
        ("on 1821-08-10", ["August 10, 1821", "1821-08-10"], "date", True),
        ("photo:894f24 [1]", ["photo:894f24"], "doc_id", True),
        ("photo:894f24a", ["photo:894f24"], "doc_id", False),
        ("This cannot be determined.", [], "abstain", True),
        ("Unable to determine", [], "abstain", True),
        ("Paris", [], "abstain", False),
        ("", ["x"], "string", False),
        ("7", [], "number", False),
        ("yes", [], "yesno", False),
    ],
)
def test_accuracy(answer: str, answers: list[str], kind: str, right: bool) -> None:
    assert is_correct(answer, answers, kind) is right


@given(NAMES)
def test_an_alias_is_its_own_right_answer(alias: str) -> None:
    assert is_correct(alias, [alias], "string") and is_correct(alias, [alias], "date")
    assert exact_match(alias, [alias]) and token_f1(alias, [alias]) == 1.0


@given(NAMES, st.sampled_from(["string", "number", "yesno", "date", "doc_id"]))
def test_an_abstention_is_right_only_where_it_is_asked_for(answer: str, kind: str) -> None:
    assert not is_correct(answer, [answer], kind, abstained=True)
    assert is_correct(answer, [], "abstain", abstained=True)


@given(st.integers(0, 10**9))
def test_thousands_commas_do_not_count(value: int) -> None:
    assert numbers_in(f"{value:,}") == [float(value)]
    assert is_correct(f"It is {value:,} km", [str(value)], "number")


@given(st.floats(1, 1e6), st.floats(-0.2, 0.2))
def test_relaxed_numbers_may_be_off_by_five_per_cent(value: float, off: float) -> None:
    wanted, said = f"{value:.3f}", f"{value * (1 + off):.3f}"
    near = abs(float(said) - float(wanted)) <= 0.05 * float(wanted) + 1e-9
    assert is_correct(said, [wanted], "number_relaxed5") is near


@given(st.text(max_size=60))
def test_normalising_twice_changes_nothing_more_that_matters(text: str) -> None:
    once = normalise(text)
    assert once == once.strip() and once.isascii()
    assert " the " not in f" {once} "


@given(
    st.text(max_size=60),
    st.lists(st.text(max_size=20), max_size=3),
    st.sampled_from(["string", "number", "number_relaxed5", "yesno", "date", "doc_id", "abstain"]),
)
def test_any_answer_can_be_judged(answer: str, answers: list[str], kind: str) -> None:
    assert is_correct(answer, answers, kind) in (True, False)


@given(WORDS, WORDS)
def test_f1_is_symmetric_and_at_most_one(said: list[str], wanted: list[str]) -> None:
    one, other = " ".join(said), " ".join(wanted)
    assert 0.0 <= token_f1(one, [other]) <= 1.0
    assert token_f1(one, [other]) == token_f1(other, [one])


def test_f1_counts_shared_words() -> None:
    assert token_f1("blue lake", ["blue mountain"]) == pytest.approx(0.5)
    assert token_f1("blue lake", ["red", "blue lake"]) == 1.0
    assert token_f1("x", []) == 0.0


@given(IDS, IDS, st.integers(1, 10))
def test_recall_grows_with_depth(retrieved: list[str], evidence: list[str], k: int) -> None:
    here, deeper = recall_at(retrieved, evidence, k), recall_at(retrieved, evidence, k + 1)
    if not evidence:
        assert here is None
        return
    assert here is not None and deeper is not None
    assert 0 <= here <= deeper <= 1
    assert recall_at(retrieved, evidence, len(retrieved)) == len(set(retrieved) & set(evidence)) / len(evidence)


@given(IDS, st.lists(st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=3), max_size=3))
def test_a_chain_needs_a_document_of_every_hop(retrieved: list[str], steps: list[list[str]]) -> None:
    if not steps:
        assert chain_found(retrieved, steps) is None
    else:
        assert chain_found(retrieved, steps) is all(set(step) & set(retrieved) for step in steps)
