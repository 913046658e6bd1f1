"""The state of a run, how parallel branches merge into it, and what nodes are given besides it.

Everything here can be serialised; pictures are digests. Tools, models and the meter travel in
:class:`Research`, LangGraph's run-time context, which is not checkpointed.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, is_dataclass, replace
from typing import Annotated, Any, TypedDict

from foveal import types
from foveal.agents.selectors import Selector
from foveal.graphs.budget import Meter, MeteredModel
from foveal.graphs.strategies.exemplars import Exemplar
from foveal.protocols import (
    BlobStore,
    ChatModel,
    Collection,
    Labeller,
    OcrReader,
    PictureReader,
    Reranker,
    TextEmbedder,
    Web,
)
from foveal.types import (
    PLAN_CODES,
    Answer,
    Document,
    Evidence,
    Hypothesis,
    ImageRef,
    Label,
    OcrLine,
    Plan,
    PlanChange,
    Region,
    Scope,
    SubQuestion,
    Tool,
    Trouble,
    WebHit,
    WebPage,
)

SCHEMA_VERSION = 4
"""Of the state below and the graph's nodes: a checkpoint with another number is not resumed."""


@dataclass(frozen=True, slots=True)
class Perception:
    """What the eye saw in one picture, before any search."""

    image: str
    labels: tuple[Label, ...] = ()
    ocr: str = ""
    lines: tuple[OcrLine, ...] = ()
    flaws: tuple[str, ...] = ()
    """Why the picture may not be recognised: small, dark, blurred, flat; empty when it is good."""
    description: str = ""
    """What a model that sees says of it, with the names of what it recognises and where things are."""
    names: tuple[str, ...] = ()
    regions: tuple[Region, ...] = ()


@dataclass(frozen=True, slots=True)
class Attempt:
    """A query that a tool was given for a step."""

    step: str
    tool: Tool
    query: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one sub-question in one branch."""

    step: SubQuestion
    retrieved: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    hypotheses: tuple[Hypothesis, ...] = ()
    """For ``identify``: what the picture may show, best first."""
    troubles: tuple[Trouble, ...] = ()
    rivals: tuple[str, ...] = ()
    """Values that other documents give where one was read, the one read first."""
    attempt: int = 0
    """Of the step, when this was found: a re-plan's second attempt replaces the first."""


def entry_id(step: SubQuestion, rank: int) -> str:
    """Return the ledger's id of what an attempt at *step* found at *rank* (from 1): ``s2e1``, again ``s2r1e1``."""
    return f"{step.id}{f'r{step.attempts}' if step.attempts else ''}e{rank}"


def merge(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    """Union by key, sorted, so that the order in which branches end does not matter."""
    return dict(sorted({**left, **right}.items()))


class ResearchState(TypedDict, total=False):
    """See DESIGN: the state of the research graph."""

    schema_version: int
    run_id: str
    question: str
    images: tuple[ImageRef, ...]
    known: dict[str, SubQuestion]
    """What earlier turns of a session identified, by picture: answered ``identify`` steps, not searched again."""
    perceptions: dict[str, Perception]
    scope: Scope | None
    plan: Plan
    plan_log: Annotated[list[PlanChange], operator.add]
    evidence: Annotated[dict[str, Evidence], merge]
    findings: Annotated[dict[str, Finding], merge]
    warnings: Annotated[list[str], operator.add]
    tried: Annotated[list[Attempt], operator.add]
    conflicts: Annotated[list[dict[str, Any]], operator.add]
    rounds: int
    ledger_size: int
    """Entries of the ledger when the last round was assessed."""
    stale_rounds: int
    """Rounds in a row that brought no new evidence and no answer."""
    answer: Answer


class BranchResult(TypedDict, total=False):
    """What a branch gives back to the run."""

    evidence: Annotated[dict[str, Evidence], merge]
    findings: Annotated[dict[str, Finding], merge]


@dataclass(frozen=True, slots=True)
class Told:
    """What stands in the collection as far as it was found, and what may be said of it: what is known otherwise."""

    private: tuple[str, ...] = ()
    public: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    """Ids of the documents that were found: a model may have read more of them than is kept as evidence."""


class BranchState(TypedDict, total=False):
    """One sub-question on its way through execute, read and solve."""

    step: SubQuestion
    question: str
    names: tuple[str, ...]
    about: tuple[str, ...]
    scope: Scope | None
    listing: bool
    perception: Perception | None
    image: ImageRef | None
    found: list[Any]
    rejected: str
    """Why nothing of what was found is read; empty otherwise."""
    notes: tuple[str, ...]
    """Warnings from before the step was solved."""
    doubted: tuple[Evidence, ...]
    """What is in doubt: it is weighed with what others say."""
    leads: tuple[WebHit, ...]
    """Pages that a search of the web found, best first."""
    told: Told
    """What the web may be told, and what not."""
    pages: Mapping[str, WebPage]
    """Pages that were read for the step, by address."""
    evidence: Annotated[dict[str, Evidence], merge]
    findings: Annotated[dict[str, Finding], merge]


@dataclass(frozen=True, slots=True)
class Reranking:
    """How passages are chosen. ``make`` gives the reranker for a metered model; None leaves the search's order."""

    make: Callable[[ChatModel], Reranker] | None = None
    selector: Selector = field(default_factory=lambda: Selector("fixed", (8,)))
    pool: int = 8
    """The most passages that the reranker is given."""


@dataclass(slots=True)
class Research:
    """What nodes work with: built once a run by :mod:`foveal.runtime`."""

    meter: Meter
    planner: MeteredModel
    solver: MeteredModel
    answerer: MeteredModel
    judge: MeteredModel
    collection: Collection | None
    blobs: BlobStore
    eye: Labeller
    ocr: OcrReader | None
    emit: Callable[[str, Mapping[str, Any]], None]
    now: Callable[[], str]
    strategy: str = "adaptive"
    web: Web | None = None
    private: bool = True
    """Whether what stands in the collection is kept out of what the web is asked."""
    embedder: TextEmbedder | None = None
    """By which passages of web pages are compared with what is asked."""
    picture: PictureReader | None = None
    """The bytes of a picture of the question or of the collection."""
    codes: frozenset[str] = frozenset(PLAN_CODES)
    """Codes on which a re-plan may act."""
    reranking: Reranking = Reranking()
    sufficiency: float | None = None
    """Probability from which a passage is read, instead of the fitted ones."""
    calibrated: Callable[[float], float] | None = None
    """What the confidence of an answer is worth, for a model whose confidences were fitted."""
    exemplars: tuple[Exemplar, ...] = ()
    """Worked examples, when others are given than come with Foveal."""
    config: Mapping[str, Any] = field(default_factory=dict)

    def at(self, step: str) -> Research:
        """Return the same context with the solver's calls booked on *step*."""
        return replace(self, solver=self.solver.at(step))

    async def document(self, doc_id: str) -> Document | None:
        """Return the document of the collection; None for anything else, such as a page of the web."""
        return None if self.collection is None else await self.collection.document(doc_id)

    async def titled(self, name: str, *, k: int = 1) -> list[Document]:
        """Return the collection's documents that are titled so; see :class:`foveal.protocols.Collection`."""
        return [] if self.collection is None else await self.collection.find_title(name, k=k)


STATE_TYPES: tuple[type, ...] = (
    *(kind for kind in vars(types).values() if isinstance(kind, type) and is_dataclass(kind)),
    Perception,
    Attempt,
    Finding,
    Told,
)
"""What a checkpoint may hold besides plain values: frozen values without code of their own."""
