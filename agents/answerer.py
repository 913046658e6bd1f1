"""The answer in words: composed by code from what the steps found, or written by a strong model and checked by code.

Code numbers the citations, so none can be invented.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from foveal.agents import fence
from foveal.agents.cited import holds
from foveal.agents.values import fold
from foveal.prompts.loader import render
from foveal.protocols import ChatModel
from foveal.types import Citation, Evidence, SubQuestion

UNABLE = "Unable to determine"
LONGEST = 600
"""Characters of a written answer."""
_LONG = 300
_REPLY_TOKENS = 250
_MARK = re.compile(r"\[(\d+)\]")
_MARKUP = re.compile(r"[a-z][a-z0-9+.-]*://|\]\(|!\[|<[a-z/!]", re.I)
_NUMBER = re.compile(r"\d[\d,.]*\d|\d")


def cite(evidence_ids: Sequence[str], ledger: Mapping[str, Evidence]) -> tuple[Citation, ...]:
    """Number the evidence in order of use, the same words once; ids that are not in the ledger are dropped."""
    citations: list[Citation] = []
    said: set[tuple[str, str]] = set()
    for evidence_id in dict.fromkeys(evidence_ids):
        item = ledger.get(evidence_id)
        if item is None or (item.doc_id, item.quote) in said:
            continue
        said.add((item.doc_id, item.quote))
        citations.append(
            Citation(
                len(citations) + 1,
                item.id,
                item.doc_id,
                item.title,
                item.url,
                item.quote[:_LONG],
                item.image,
                item.page,
            )
        )
    return tuple(citations)


def compose(final: SubQuestion, citations: Sequence[Citation]) -> str:
    """Return the answer text: the final step's answer with the marks of its citations."""
    marks = "".join(f"[{c.n}]" for c in citations)
    return f"{tidy(final.answer or '')} {marks}".strip()


async def write(
    model: ChatModel,
    question: str,
    steps: Sequence[SubQuestion],
    citations: Sequence[Citation],
    *,
    on_text: Callable[[str], None] | None = None,
    cancel: asyncio.Event | None = None,
) -> tuple[str, tuple[str, ...]]:
    """Return the answer of the last of *steps* in sentences with marks, and what is wrong with it (nothing: it holds).

    *on_text* is given it as it is written, before it is checked. Raises what the model raises.
    """
    messages = render("answer", code=fence.of(model), **shown(question, steps, citations))
    reply = await model.generate(
        messages, max_tokens=_REPLY_TOKENS, stop=("\n",), task="answer", cancel=cancel, on_text=on_text
    )
    text = re.sub(r"\s+", " ", reply.text).strip()
    return text, tuple(faults(text, question, steps, citations))


def shown(
    question: str, steps: Sequence[SubQuestion], citations: Sequence[Citation]
) -> dict[str, str | list[dict[str, str]]]:
    """Return what the prompts about an answer are given: the steps that led to it, and the sources."""
    *before, final = steps
    return {
        "question": question,
        "answer": tidy(final.answer or ""),
        "steps": [{"text": s.text, "answer": s.answer or ""} for s in before if s.status == "answered"],
        "sources": [{"n": str(c.n), "title": c.title, "quote": c.quote} for c in citations],
    }


def faults(text: str, question: str, steps: Sequence[SubQuestion], citations: Sequence[Citation]) -> Iterator[str]:
    """Yield what is wrong with a written answer: it says something else than was found, or cites what is not there."""
    marks = {m[1] for m in _MARK.finditer(text)}
    plain = _MARK.sub("", text)
    if not holds(plain, steps[-1].answer or ""):
        yield "it does not say what was found"
    if unknown := sorted(marks - {str(c.n) for c in citations}):
        yield f"it cites [{'], ['.join(unknown)}], which there is not"
    if citations and not marks:
        yield "it cites nothing"
    if _MARKUP.search(text) or len(text) > LONGEST:
        yield "it holds a link or is too long"
    found = (*(f"{s.text} {s.answer}" for s in steps), *(f"{c.title} {c.quote}" for c in citations))
    known = fold(" ".join([question, *found]))
    if made_up := [n for n in _NUMBER.findall(plain) if fold(n) not in known]:
        yield f"it says {', '.join(made_up)}, which was not found"


def unable(steps: Sequence[SubQuestion], citations: Sequence[Citation]) -> str:
    """Return the honest ending: what is missing, and what was found on the way."""
    missing = next((s for s in steps if s.status in ("insufficient", "failed")), None)
    found = [
        f"{s.text.rstrip('?')}: {s.answer}"
        for s in steps
        if s.status == "answered" and s.answer and s.purpose != "compute"
    ]
    text = f"{UNABLE}{_lacking(missing) if missing else ''}."
    if found:
        text += " Found so far: " + "; ".join(found) + "."
    marks = "".join(f"[{c.n}]" for c in citations)
    return f"{text} {marks}".strip()


def _lacking(step: SubQuestion) -> str:
    """Return what stands in the way, in words: nothing answers, or looking for it did not work."""
    if step.status == "failed" and step.reason:
        return f': "{step.text}" could not be looked up ({tidy(step.reason)})'
    return f': nothing found answers "{step.text}"'


def denied(premise: str, citations: Sequence[Citation]) -> str:
    """Return the answer to a question that takes something for granted which the evidence denies."""
    marks = "".join(f"[{c.n}]" for c in citations)
    return f"The question does not hold as asked. {tidy(premise)}. {marks}".strip()


def tidy(answer: str) -> str:
    """Return *answer* without a trailing stop and with one kind of white space."""
    return re.sub(r"\s+", " ", answer).strip().rstrip(".;,")
