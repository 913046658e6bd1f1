"""The example collection: drawn by its own script, consistent with itself, and apart from its questions."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[1] / "examples"
COLLECTION = EXAMPLES / "collection"


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


CORPUS = rows(COLLECTION / "corpus.jsonl")
QUESTIONS = rows(EXAMPLES / "questions.jsonl")


def borders(text: str) -> dict[str, int]:
    """``{"Italy": 698, ...}`` of a text that lists land borders."""
    listed = re.search(r"Land borders: ([^.]*)\.", text)
    if listed is None or listed[1] == "none":
        return {}
    found = [re.fullmatch(r"(.+) ([\d,]+) km", item) for item in listed[1].split("; ")]
    assert all(found), listed[0]
    return {item[1]: int(item[2].replace(",", "")) for item in found if item}


@pytest.mark.parametrize(
    ("style", "folder"), [("collection", COLLECTION / "images"), ("query", EXAMPLES / "questions")]
)
def test_every_committed_picture_is_what_the_script_draws(style: str, folder: Path, tmp_path: Path) -> None:
    kept = sorted(path.stem for path in folder.glob("*.png"))
    command = [sys.executable, str(EXAMPLES / "draw.py"), str(tmp_path), "--style", style, "--only", *kept]
    subprocess.run(command, check=True)
    for name in kept:
        ours, drawn = Image.open(folder / f"{name}.png"), Image.open(tmp_path / f"{name}.png")
        assert ours.size == drawn.size, name
        off = np.abs(np.asarray(ours, dtype=int) - np.asarray(drawn, dtype=int))
        # Letters may differ by a shade between builds of FreeType; nothing else may.
        worded = name.startswith(("chart_", "poster_"))
        assert off.mean() < 0.5 if worded else not off.any(), name


def test_ids_are_unique_and_every_document_says_its_source_and_licence() -> None:
    for documents in (CORPUS, QUESTIONS):
        assert len({row["id"] for row in documents}) == len(documents)
        for row in documents:
            assert row["licence"] == "Apache-2.0", row["id"]
            assert row["source"], row["id"]


def test_at_least_forty_documents_have_a_picture_and_every_picture_a_document() -> None:
    named = [row["image"] for row in CORPUS if row["image"]]
    assert len(named) >= 40
    assert len(set(named)) == len(named)
    assert {COLLECTION / name for name in named} == set((COLLECTION / "images").glob("*.png"))


def test_the_pictures_stay_small() -> None:
    sizes = [path.stat().st_size for path in EXAMPLES.rglob("*.png")]
    assert sum(sizes) < 3_000_000


@pytest.mark.parametrize("row", CORPUS, ids=lambda row: row["id"])
def test_texts_are_short_passages(row: dict[str, Any]) -> None:
    assert 25 <= len(row["text"].split()) <= 120


def test_a_border_has_the_same_length_from_both_sides() -> None:
    of = {row["title"]: borders(row["text"]) for row in CORPUS if row["meta"]["kind"] == "country"}
    shared = [(home, other) for home in of for other in of[home] if other in of]
    assert len(shared) > 80
    for home, other in shared:
        assert of[home][other] == of[other].get(home), (home, other)


def test_a_capital_is_told_by_the_country_and_by_the_city() -> None:
    cities = {row["title"]: row["text"] for row in CORPUS if row["id"].startswith("city:")}
    told = 0
    for row in CORPUS:
        capital = re.search(r"Its capital is ([A-Z][\w ]+?)\.", row["text"])
        if row["meta"]["kind"] == "country":
            assert capital, row["id"]
            if capital[1] in cities:
                told += 1
                assert f"{capital[1]} is the capital of {row['title']}." in cities[capital[1]]
    assert told >= 25


def test_evidence_and_pictures_of_the_questions_exist() -> None:
    ids = {row["id"] for row in CORPUS}
    assert len(QUESTIONS) >= 24
    for question in QUESTIONS:
        assert question["evidence"] == [doc for step in question["evidence_steps"] for doc in step]
        assert set(question["evidence"]) <= ids, question["id"]
        assert all((EXAMPLES / picture).is_file() for picture in question["images"] or []), question["id"]
    asked = {EXAMPLES / picture for question in QUESTIONS for picture in question["images"] or []}
    assert asked == set((EXAMPLES / "questions").glob("*.png"))


def test_the_answer_stands_in_the_last_document_of_the_chain() -> None:
    words = {row["id"]: f"{row['title']} {row['text']}".replace(",", "") for row in CORPUS}
    for question in QUESTIONS:
        if question["answer_type"] in ("abstain", "yesno", "doc_id") or not question["evidence_steps"]:
            continue
        last = " ".join(words[doc] for doc in question["evidence_steps"][-1])
        assert any(answer in last for answer in question["answers"]), question["id"]


def test_the_longest_border_leads_where_the_questions_say() -> None:
    text = {row["id"]: (row["title"], row["text"]) for row in CORPUS}
    chains = [q["evidence"] for q in QUESTIONS if "longest land border" in q["question"]]
    assert chains
    for home, neighbour, *_ in chains:
        lengths = borders(text[home][1])
        assert max(lengths, key=lambda name: lengths[name]) == text[neighbour][0]


def test_no_picture_of_a_question_is_in_the_collection() -> None:
    indexed = {path.read_bytes() for path in (COLLECTION / "images").glob("*.png")}
    for path in (EXAMPLES / "questions").glob("*.png"):
        assert path.read_bytes() not in indexed, path.name
        twin = Image.open(COLLECTION / "images" / path.name)
        assert Image.open(path).size != twin.size, path.name


def test_the_demo_asks_one_of_the_questions() -> None:
    script = (EXAMPLES / "demo.sh").read_text(encoding="utf-8")
    asked = [
        q for q in QUESTIONS if q["question"] in script and any(f"examples/{p}" in script for p in q["images"] or [])
    ]
    assert [q["hops"] for q in asked] == [3]
