"""The desk: what every method works at, so that methods differ in nothing but how they go about a question.

A method (:mod:`foveal.graphs.strategies.methods`) is a coroutine over a :class:`Desk`: it searches, reads and asks the
model through it, and hands in a :class:`Draft`. The tools, the budget, the ledger and the marks around data are those
of the research graph; each search becomes a step of the plan, so that a trace of a method reads like any other.
"""

from __future__ import annotations

import asyncio
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast

from foveal.agents import answerer, fence
from foveal.agents.cited import holds
from foveal.graphs import progress, sight, webbed
from foveal.graphs.branch import execute, read
from foveal.graphs.budget import MeteredModel
from foveal.graphs.identify import picture_entry
from foveal.graphs.lookup import LEAST_TEXT, PAGE_CHARS, in_order, passage_entry
from foveal.graphs.state import BranchState, Finding, Research, ResearchState, entry_id
from foveal.graphs.strategies.draft import Draft, resting_on, said
from foveal.prompts.loader import render
from foveal.protocols import TextEmbedder
from foveal.types import (
    Answer,
    Citation,
    Document,
    Evidence,
    Generation,
    ImageRef,
    Message,
    Part,
    Plan,
    PlanChange,
    Region,
    Scope,
    SubQuestion,
    Tool,
)

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

UNABLE = "Unable to determine."
PASSAGE_CHARS = 500
"""Characters of a passage that a model is shown: about 110 tokens."""
CITED = 4
"""Entries that an answer cites at most."""


class Desk:
    """One question, its pictures, and the tools and models of the run; see the module."""

    def __init__(self, state: ResearchState, work: Research, method: str, variant: str = "") -> None:
        self.variant = variant
        """In which of its ways the method goes about it; see :data:`foveal.settings.METHODS`."""
        self.question = state["question"]
        self.images: tuple[ImageRef, ...] = tuple(state["images"])
        self.scope: Scope | None = state.get("scope")
        """The document that the question names, and its page."""
        self.seen = state["perceptions"]
        self.exemplars = work.exemplars
        """Worked examples, when others were given than come with Foveal."""
        self.steps: list[SubQuestion] = []
        self.ledger: dict[str, Evidence] = {}
        self.warnings: list[str] = []
        self.log: list[PlanChange] = []
        self.standing = Draft(None)
        """What is handed in when the budget ends the method; a method keeps its best answer so far here."""
        self._state, self._work, self._source = state, work, method
        self._findings: dict[str, Finding] = {}
        # calls that would only wait at the model are not let through yet: the budget is asked when they begin
        self._room = asyncio.Semaphore(max(1, work.solver.capabilities.parallel))

    # what can be asked

    @property
    def sees(self) -> bool:
        """Whether the model sees pictures; else words stand in for them (:meth:`words`)."""
        return self._work.solver.capabilities.vision

    @property
    def has_collection(self) -> bool:
        """Whether there is a collection; else :meth:`search` asks the web."""
        return self._work.collection is not None

    @property
    def embedder(self) -> TextEmbedder:
        """What texts are embedded with; see :meth:`embed`."""
        assert self._work.embedder is not None, "a run brings its embedder"
        return self._work.embedder

    def spent(self) -> str | None:
        """Return which limit leaves no room for one more model call, or None."""
        return self._work.meter.exhausted()

    # searching: every search is a step of the plan, its results are entered in the ledger

    async def search(
        self, query: str, *, k: int = 5, about: Sequence[str] = (), web: bool = False, everywhere: bool = False
    ) -> list[Evidence]:
        """Return the *k* best passages for *query*, at most 8.

        From the collection; from the web when there is none, or when *web* says so. Of the documents *about* alone
        when they are given, else of the document that the question names, if it names one, else (or *everywhere*) of
        all. Nothing found is an empty list; so is a search that failed, with a warning.
        """
        online = self._work.web is not None and (web or not self.has_collection)
        tool: Tool = "web" if online else "visit" if about else "collection"
        scope = None if about or everywhere else self.scope
        return (await self._sent(SubQuestion("", query, tool=tool, query=query), about=about, scope=scope))[:k]

    async def lookalikes(self, image: ImageRef, *, k: int = 5, regions: bool = False) -> list[Evidence]:
        """Return the *k* documents whose picture looks most like *image*, or like *regions* of it."""
        step = SubQuestion("", "What does the picture show?", "identify", "crop" if regions else "image_search")
        return (await self._sent(step.having(image=image.sha256)))[:k]

    async def pictures(
        self, description: str, *, k: int = 5, like: ImageRef | None = None, region: Region | None = None
    ) -> list[Evidence]:
        """Return the *k* documents with a picture that *description* describes; *like* one, where it says otherwise."""
        step = SubQuestion("", description, "lookup", "picture_search", query=description)
        return (await self._sent(step.having(image=like.sha256 if like else None, region=region)))[:k]

    async def composed(self, image: ImageRef, change: str, *, caption: str = "", k: int = 5) -> list[Evidence] | None:
        """Return the *k* documents with a picture like *image*, which shows *caption*, but as *change* says.

        By weighted vectors (WeiMoCIR). None where pictures and words are in no common space: nothing was searched.
        """
        collection = self._work.collection
        if collection is None or not collection.composes:
            return None
        step = self._next(SubQuestion("", change, "identify", "picture_search", query=change, image=image.sha256))
        asked = {"words": change, "image": image.sha256, "caption": caption, "composed": True}
        self._work.emit("tool.called", {"tool": step.tool, "step": step.id, "query": change})
        outcome = await self._work.meter.tool_call(
            step.tool, asked, step.id, lambda: collection.search_composed(image, change, caption=caption, k=k)
        )
        told = {"tool": step.tool, "step": step.id, "status": outcome.status, "n": len(outcome.items)}
        self._work.emit("tool.returned", {**told, "elapsed": outcome.elapsed, "error": outcome.error})
        if outcome.error:
            self.warnings.append(f"{step.id}: {outcome.error}")
        now = self._work.now()
        found = [picture_entry(step, n, hit, now) for n, hit in enumerate(outcome.items, 1)]
        sight.told(found, step, self._work)
        return self._returned(step, found)

    async def open(self, entry: Evidence, about: str, *, k: int = 3) -> list[Evidence]:
        """Read on in the page or document of *entry*: its *k* passages that tell most *about* a question."""
        if entry.tool != "web" or not entry.url:
            return await self.search(about, k=k, about=(entry.doc_id,))
        step = self._next(SubQuestion("", about, tool="web", query=entry.url))
        hits, problems = await webbed.opened([entry.url], self._branch(step, about=()), self._work)
        self.warnings += problems
        now = self._work.now()
        found = [passage_entry(step, n, hit, now, trust=webbed.PAGE_TRUST) for n, hit in enumerate(hits, 1)]
        sight.told(found, step, self._work)
        return self._returned(step, found)[:k]

    async def document(self, entry: Evidence) -> Document | None:
        """Return the whole document of the collection that *entry* is of."""
        return await self._work.document(entry.doc_id)

    async def page(self, entry: Evidence, *, chars: int = PAGE_CHARS) -> Evidence:
        """Return *entry* with *chars* of its document around it: of its text, or of what was read in its picture.

        Of a picture that was found it is the text in it, else its caption, else its labels.
        """
        document = await self.document(entry)
        if document is None:
            return entry
        words: dict[Part, str] = {"text": document.text, "ocr": document.ocr, "labels": document.labels}
        part = entry.part
        if entry.kind in ("image", "region"):
            part = "ocr" if len(document.ocr) >= LEAST_TEXT else "text" if document.text.strip() else "labels"
        whole = words[part]
        start = max(0, min(entry.start - chars // 4, len(whole) - chars))
        quote = whole[start : start + chars]
        return replace(entry, part=part, quote=quote, start=start, end=start + len(quote))

    def look(self, image: ImageRef) -> Evidence:
        """Return the ledger's entry of one of the question's own pictures: the words that were read in it."""
        for before in self.steps:
            if before.tool == "none" and before.image == image.sha256:
                return self.ledger[entry_id(before, 1)]
        step = self._next(SubQuestion("", self.question, tool="none", image=image.sha256))
        entry = sight.itself(step, 1, self.seen[image.sha256], self._work.now())
        sight.told([entry], step, self._work)
        return self._returned(step, [entry])[0]

    # asking the model

    async def ask(
        self,
        prompt: str,
        *,
        schema: Mapping[str, Any] | None = None,
        max_tokens: int = 64,
        stop: Sequence[str] = ("\n",),
        images: Sequence[ImageRef | str] = (),
        role: str = "solver",
        ending: bool = False,
        logprobs: bool = False,
        **inputs: str | Sequence[Mapping[str, str]],
    ) -> Generation:
        """Ask *prompt* (a file of :mod:`foveal.prompts`); a model that sees is shown *images*.

        *role* is ``planner``, ``solver`` or ``answerer``; *ending* calls may spend the reserve. With *logprobs* the
        reply's mean log probability is told, by models that can. What a schema shapes is not cut at *stop*.
        Raises BudgetExceeded, ModelError.
        """
        model = self._model(role, ending)
        messages = self._messages(prompt, model, images, inputs)
        stop = () if schema else stop
        async with self._room:
            return await model.generate(
                messages, schema=schema, max_tokens=max_tokens, stop=stop, logprobs=logprobs, task=prompt
            )

    async def yes(self, prompt: str, *, images: Sequence[ImageRef | str] = (), **inputs: str) -> float:
        """Return softmax([logit Yes, logit No])[0] of the reply to *prompt*."""
        model = self._model("solver", False)
        async with self._room:
            return (await model.yes_probability(self._messages(prompt, model, images, inputs), task=prompt))[0]

    async def choose(
        self, prompt: str, options: Sequence[str], *, images: Sequence[ImageRef | str] = (), **inputs: str
    ) -> list[float]:
        """Return how probable each of *options* is as the reply to *prompt*; they differ in their first token."""
        model = self._model("solver", False)
        async with self._room:
            return (await model.choose(self._messages(prompt, model, images, inputs), options, task=prompt))[0]

    async def answer(
        self,
        evidence: Sequence[Evidence],
        *,
        question: str = "",
        images: Sequence[ImageRef | str] = (),
        chars: int = PASSAGE_CHARS,
        logprobs: bool = False,
    ) -> Draft:
        """Answer from *evidence* alone: the generator that methods share unless their own is part of what they are.

        The question's pictures are shown, or told in words; one whose words tell the answer is cited too. With
        *logprobs* the confidence is the answer's exp(mean log probability), of models that tell it.
        """
        shown = (*self.images, *images) if self.sees else ()
        call = await self.ask(
            "generate", max_tokens=48, images=shown, ending=True, logprobs=logprobs,
            question=question or self.question, seen=self.told(), passages=self.rows(evidence, chars=chars),
        )  # fmt: skip
        text = said(call.text)
        certain = 0.5 if call.logprob is None else math.exp(call.logprob)
        own = [self.look(i) for i in self.images if text and holds(self.seen[i.sha256].ocr, text)]
        return Draft(text, (*evidence, *own), certain if text else 0.0, "generated from what was found")

    async def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return the vectors of *texts*, float32 [n, dim] of unit length: their products are cosines."""
        return await asyncio.to_thread(self.embedder.embed_texts, list(texts))

    async def drawn(self, pictures: Sequence[str], draw: Callable[[Sequence[Image]], Image]) -> ImageRef:
        """Return the picture that *draw* makes of *pictures*, to be shown to a model that sees. Raises BadImage."""
        picture = self._work.picture

        def made() -> ImageRef:
            import PIL.Image

            assert picture is not None, "a run brings its pictures"
            data = io.BytesIO()
            draw([PIL.Image.open(io.BytesIO(picture(sha256))) for sha256 in pictures]).save(data, "PNG")
            return self._work.blobs.put_bytes(data.getvalue(), origin="page")

        return await asyncio.to_thread(made)

    # what the model is told

    def words(self, image: ImageRef) -> str:
        """Return in words what is seen in a picture of the question: labels, a description, text in it."""
        seen = self.seen[image.sha256]
        labels = ", ".join(label.name.split(",")[0] for label in seen.labels[:3])
        parts = (f"looks like: {labels}." if labels else "", seen.description, f"Text in it: {seen.ocr[:800]}")
        return " ".join(part for part in (parts if seen.ocr.strip() else parts[:2]) if part)

    def told(self) -> str:
        """Return what stands in for the question's pictures, a line each; empty for a model that sees."""
        if self.sees:
            return ""
        return "".join(f"Picture {n} {self.words(image)}\n" for n, image in enumerate(self.images, 1))

    def rows(self, evidence: Iterable[Evidence], *, chars: int = PASSAGE_CHARS) -> list[dict[str, str]]:
        """Return *evidence* as rows of a prompt: ``n`` from 1, ``title``, ``text``."""
        return [{"n": str(n), "title": e.title, "text": e.quote[:chars]} for n, e in enumerate(evidence, 1)]

    # what is made of it

    def note(self, entry: Evidence, answer: str, *, asked: str = "", confidence: float = 0.5) -> None:
        """Book *answer* to the sub-question *asked* on the step that found *entry*, and on what it found."""
        at = next(n for n, step in enumerate(self.steps) if step.id == entry.sub_question)
        step = self.steps[at]
        used = tuple(dict.fromkeys((entry.id, *step.evidence_ids)))[:CITED]
        self.steps[at] = step.having(
            text=asked or step.text, answer=answer, values=(answer,), confidence=confidence, evidence_ids=used
        )
        self._work.emit("subquestion.finished", {"step": self.steps[at]})

    def result(self, draft: Draft, *, stopped: str | None = None) -> dict[str, Any]:
        """Return the part of the graph's state that a method fills, the answer with its citations in it."""
        status: Literal["answered", "insufficient"] = "answered" if draft.text else "insufficient"
        citations, used = self._cited(draft)
        last = SubQuestion("", self.question, tool="none", depends_on=tuple(s.id for s in self.steps))
        last = self._next(last).having(
            status=status, answer=draft.text, values=(draft.text,) if draft.text else (), reason=draft.reason,
            confidence=round(draft.confidence, 3), evidence_ids=tuple(c.evidence_id for c in citations),
        )  # fmt: skip
        self.steps[-1] = last
        self._work.emit("subquestion.finished", {"step": last})
        retrieved = draft.retrieved or tuple(dict.fromkeys(e.doc_id for e in used))
        self._findings[last.id] = Finding(last, retrieved=retrieved)
        if draft.text and not citations:
            self.warnings.append("Nothing that was found holds the words of this answer.")
        answer = Answer(
            run_id=self._state["run_id"],
            question=self.question,
            answer=answerer.compose(last.having(answer=draft.shown or draft.text), citations) if draft.text else UNABLE,
            status=status,
            stop_reason=stopped or ("answered" if draft.text else "insufficient_evidence"),
            confidence=last.confidence if draft.text else 0.0,
            citations=citations,
            config=self._work.config,
        )
        return {
            "answer": answer,
            "plan": Plan(tuple(self.steps), version=len(self.log), source=self._source),
            "plan_log": self.log,
            "evidence": self.ledger,
            "findings": self._findings,
            "warnings": self.warnings,
        }

    def _cited(self, draft: Draft) -> tuple[tuple[Citation, ...], list[Evidence]]:
        """Return the citations, of the entries that hold the answer's words (narrowed to the sentence), and those.

        Models do not always say on what they rest, and methods do not ask: it is found out in code.
        """
        holding = resting_on(draft)
        cited = [*draft.pictures, *holding[:CITED]] if draft.text else []
        self.ledger |= {e.id: e for e in reversed(cited)}
        return answerer.cite([e.id for e in cited], self.ledger), [*holding, *draft.used]

    # behind it

    async def _sent(
        self, step: SubQuestion, *, about: Sequence[str] = (), scope: Scope | None = None
    ) -> list[Evidence]:
        step = self._next(step)
        state = self._branch(step, about=about, scope=scope)
        work = self._work.at(step.id)
        for stage in (execute, read):
            new = await stage(state, work)
            state = cast(BranchState, {**state, **new})
            if ended := state["findings"].get(step.id):
                self.steps[-1] = ended.step
                self.warnings += ended.warnings
                self._findings[step.id] = ended
                return []
        self.warnings += state.get("notes", ())
        return self._returned(step, in_order(state["evidence"]))

    def _next(self, step: SubQuestion) -> SubQuestion:
        """Number *step*, enter it in the plan and tell of it."""
        step = step.having(id=f"s{len(self.steps) + 1}", status="running")
        self.steps.append(step)
        code = "NEW_HOP" if self.log else "created"
        self.log.append(PlanChange(len(self.steps), code, f"{step.tool}: {step.query or step.text}"[:200], step.id))
        if len(self.steps) == 1:
            self._work.emit("plan.created", {"steps": (step,), "source": self._source})
        else:
            change = {"version": len(self.steps), "code": code, "detail": self.log[-1].detail, "step": step.id}
            self._work.emit("plan.changed", {**change, "steps": tuple(self.steps)})
        if step.tool == "none":
            self._work.emit("subquestion.started", {"step": step})
        return step

    def _returned(self, step: SubQuestion, found: list[Evidence]) -> list[Evidence]:
        status, reason = ("answered", f"{len(found)} found") if found else ("insufficient", "EMPTY: nothing was found")
        ended = step.having(status=status, reason=reason, evidence_ids=tuple(e.id for e in found[:CITED]))
        self.steps[-1] = ended
        self.ledger |= {e.id: e for e in found}
        self._findings[step.id] = Finding(ended, retrieved=tuple(dict.fromkeys(e.doc_id for e in found)))
        self._work.emit("subquestion.finished", {"step": ended})
        return found

    def _branch(self, step: SubQuestion, *, about: Sequence[str], scope: Scope | None = None) -> BranchState:
        so_far: ResearchState = {
            "question": self.question,
            "plan": Plan(tuple(self.steps)),
            "evidence": self.ledger,
        }
        return BranchState(
            step=step,
            question=self.question,
            names=(),
            about=tuple(about),
            scope=scope,
            listing=False,
            perception=self.seen.get(step.image or ""),
            image=next((i for i in self.images if i.sha256 == step.image), None),
            told=progress.may_be_told(so_far),
            evidence={},
            findings={},
        )

    def _model(self, role: str, ending: bool) -> MeteredModel:
        model: MeteredModel = getattr(self._work, role)
        return model.at(self.steps[-1].id if self.steps else "s0", ending=ending)

    def _messages(
        self, prompt: str, model: MeteredModel, images: Sequence[ImageRef | str], inputs: Mapping[str, Any]
    ) -> list[Message]:
        messages = render(prompt, code=fence.of(model), **inputs)
        if images and model.capabilities.vision:
            shown = tuple(i if isinstance(i, str) else i.sha256 for i in images)
            messages[-1] = replace(messages[-1], images=shown)
        return messages
