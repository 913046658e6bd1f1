from __future__ import annotations

import pytest

from foveal.tools.index.scope import Name, page_in, scope_in
from foveal.types import Scope

NAMES = [
    Name("annual_report_2021.pdf", 20),
    Name("2312.04350v3.pdf", 9),
    Name("GPL-Graduate-Studies-Brochure-Jul-2021.pdf", 17),
    Name("report.pdf", 5, title="The Annual Survey of Garnet Mining"),
    Name("may.pdf", 3),
]


@pytest.mark.parametrize(
    ("question", "page"),
    [
        ("the date mentioned on page 14", 14),
        ("the fax number on page fourteen", 14),
        ("what is on p. 3?", 3),
        ("page twenty-one, please", 21),
        ("see Page No. 7", 7),
        ("the third page", 3),
        ("the 12th page", 12),
        ("What is on the last page?", -1),
        ("the second last page", -2),
        ("second-to-last page", -2),
        ("the second to the last page", -2),
        ("the penultimate page", -2),
        ("In the figure at Page at the second last, how many?", -2),
        ("the 3rd last page", -3),
        ("a page of history", None),
        ("how many pages are there", None),
        ("Who wrote the last book?", None),
    ],
)
def test_page_words(question: str, page: int | None) -> None:
    assert page_in(question) == page


@pytest.mark.parametrize(
    ("question", "scope"),
    [
        ("In the document annual_report_2021.pdf: what grew?", Scope("annual_report_2021.pdf")),
        ("In annual_report_2021, page 3, what grew?", Scope("annual_report_2021.pdf", 3)),
        ("In the document 2312.04350v3.pdf: which model?", Scope("2312.04350v3.pdf")),
        ("In GPL-Graduate-Studies-Brochure-Jul-2021.pdf at the second last page?",
         Scope("GPL-Graduate-Studies-Brochure-Jul-2021.pdf", -2)),
        ('What does "report" say on the last page?', Scope("report.pdf", -1)),
        ("What does the annual survey of garnet mining conclude?", Scope("report.pdf")),
        ("In report.pdf, page 99: what?", Scope("report.pdf")),
        ("What did the report of May say on page 2?", None),
        ("What is on page 3?", None),
        ("In the document other.pdf: what grew?", None),
    ],
)  # fmt: skip
def test_the_document_that_a_question_names(question: str, scope: Scope | None) -> None:
    assert scope_in(question, NAMES) == scope
