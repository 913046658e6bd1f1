"""SPIQA (Pramanick et al. 2024): questions about the figures and tables of papers.

Source: github.com/google/spiqa (format on its page and in its evaluation scripts); data CC BY 4.0. An object by paper
id, in three shapes. Train, validation and test-A: ``all_figures {file: {caption, content_type, figure_type}}`` and
``qa [{question, answer, explanation, reference}]``. Test-B: lists side by side ``question, composition`` (answers),
``referred_figures_tables``, captions in ``all_figures_tables {file: caption}``, text in ``passages``. Test-C (from
use): ``figures_and_tables [{file, caption}]``, ``question``, ``answer [{free_form_answer, evidence}]``,
``referred_figures_tables``, text in ``full_text [{section_name, paragraphs}]``, ``paper_title, abstract``.
Figures are documents, and the text of a paper where there is one.
Own metrics: L3Score by a judging model, METEOR, ROUGE-L, CIDEr, BERTScore; which figure was picked.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from foveal.evaluation.loaders.fields import kept, listed, mapping, objects, strings, text_of
from foveal.evaluation.loaders.items import Item, Unusable
from foveal.evaluation.loaders.source import Format, Row, Source, marks

METRICS = ("l3score", "rouge_l", "figure_recall")
LICENCE = "CC BY 4.0"


def read(source: Source) -> Iterator[Item]:
    """Yield the questions of each paper, then its figures."""
    yield from source.each(_paper)


def _paper(row: Row) -> Iterator[Item]:
    paper = row.text("paper_id") or row.key
    figures = _figures(row)
    asked = objects(row.get("qa")) if row.has("qa") else list(_columns(row))
    if not paper or not (asked or figures):
        raise Unusable("neither questions nor figures of a paper")
    for count, raw in enumerate(asked, 1):
        part = row.part(raw, f"{paper} question {count}")
        yield from part.guarded(partial(_question, paper=paper, count=count, figures=tuple(figures)))
    if body := _body(row):
        title = row.text("paper_title", "title")
        yield row.document(paper, title=title, text=body, source=paper, licence=LICENCE)
    for name, about in figures.items():
        yield from row.part({"name": name, "about": about}, text_of(name)).guarded(lambda part: [_figure(part, paper)])


def _figures(row: Row) -> dict[str, Any]:
    """Captions, or what is said of a figure, by its file."""
    listed_ones = {text_of(about.get("file")): about for about in objects(row.get("figures_and_tables"))}
    named = mapping(row.get("all_figures", "all_figures_tables"))
    return {name: about for name, about in {**listed_ones, **named}.items() if name}


def _columns(row: Row) -> Iterator[dict[str, Any]]:
    """Questions given as lists side by side."""
    answers = listed(row.get("composition", "answer"))
    gold = listed(row.get("referred_figures_tables"))
    for place, question in enumerate(listed(row.get("question"))):
        answer = answers[place] if place < len(answers) else None
        yield {
            "question": question,
            "answer": answer.get("free_form_answer") if isinstance(answer, dict) else answer,
            "reference": gold[place] if place < len(gold) else None,
        }


def _body(row: Row) -> str:
    parts = [row.text("abstract"), *row.strings("passages")]
    for section in objects(row.get("full_text")):
        parts += [text_of(section.get("section_name")), *strings(section.get("paragraphs"))]
    return "\n\n".join(part for part in parts if part)


def _question(row: Row, paper: str, count: int, figures: tuple[str, ...]) -> Iterator[Item]:
    answers = row.strings("answer")
    if not answers:
        raise Unusable("no `answer`")
    yield row.question(
        f"{paper}/q{count}",
        row.need("question"),
        category=row.stem,
        answers=answers,
        evidence=tuple(f"{paper}/{name}" for name in row.strings("reference") if name in figures),
        candidates=tuple(f"{paper}/{name}" for name in figures),
        metrics=METRICS,
        meta=kept({"explanation": row.text("explanation"), "paper": paper}),
    )


def _figure(row: Row, paper: str) -> Item:
    name, about = row.need("name"), mapping(row.get("about"))
    image = row.source.pictures.first(f"{paper}/{name}")
    if not image:
        row.note("pictures of the corpus that are not here")
    return row.document(
        f"{paper}/{name}",
        title=name.rsplit(".", 1)[0],
        text=" ".join(strings(about.get("caption"))) if about else row.text("about"),
        image=image,
        source=paper,
        licence=LICENCE,
        meta=kept({"content_type": about.get("content_type"), "figure_type": about.get("figure_type")}),
    )


FORMAT = Format(
    "spiqa",
    "SPIQA",
    METRICS,
    marks("all_figures qa", "all_figures_tables question", "figures_and_tables question answer"),
    read,
)
