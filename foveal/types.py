"""The words Foveal uses: frozen values that every layer shares and none of them owns.

Nothing here does I/O or imports another Foveal module. Pictures appear only as :class:`ImageRef`
(a digest), never as bytes, so that any of these values may be logged, checkpointed or traced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

Origin = Literal["user", "crop", "result", "page"]
Purpose = Literal["identify", "lookup", "verify", "compare", "compute"]
Tool = Literal["none", "image_search", "crop", "picture_search", "collection", "visit", "web"]
"""image_search: whole picture → pictures; crop: its regions → pictures; picture_search: words → pictures;
collection: words → passages; visit: one whole document; web: words → pages (a backend that is plugged in)."""
SubStatus = Literal["pending", "running", "answered", "insufficient", "failed", "skipped"]
OutcomeStatus = Literal["ok", "empty", "throttled", "blocked", "timeout", "error", "cached"]
AnswerStatus = Literal["answered", "insufficient", "premise_false", "failed", "cancelled"]
Part = Literal["text", "ocr", "labels"]
"""Which words of a document a span belongs to: its own text, text read in its picture, or label words."""

PLAN_CODES = (
    "EMPTY", "IRRELEVANT", "AMBIGUOUS_ID", "CONFLICT", "STALE", "NEW_HOP",
    "PREMISE", "TOOL_DOWN", "DUPLICATE", "LOW_QUALITY_IMAGE",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Region:
    """A box in pixels of the original picture: ``0 <= x0 < x1``, ``0 <= y0 < y1``."""

    x0: int
    y0: int
    x1: int
    y1: int


@dataclass(frozen=True, slots=True)
class ImageRef:
    """A picture by the sha256 of its re-encoded pixels; the bytes live in the blob store."""

    sha256: str
    width: int
    height: int
    origin: Origin = "user"
    parent: str | None = None
    box: Region | None = None
    name: str = ""
    """What to call it to a person: a file name, never a path."""


@dataclass(frozen=True, slots=True)
class SubQuestion:
    """One step of a plan. ``text`` may hold ``#sN``, replaced by the answer of step ``sN`` when it is ready."""

    id: str
    text: str
    purpose: Purpose = "lookup"
    tool: Tool = "collection"
    query: str | None = None
    image: str | None = None
    region: Region | None = None
    depends_on: tuple[str, ...] = ()
    status: SubStatus = "pending"
    answer: str | None = None
    confidence: float = 0.0
    evidence_ids: tuple[str, ...] = ()
    reason: str = ""
    op: str = ""
    """For ``compute``: what is computed over ``depends_on`` (:mod:`foveal.agents.reckoning`). Else what the question
    takes for granted: ``only`` (one answer), ``two`` (two of them)."""
    each: str = ""
    """Id of the step whose answer is a list: this step is asked of every member, ``#each`` in the text."""
    noun: str = ""
    """For ``identify``: what the question calls the thing, such as "country"; for a list: what its members are."""
    values: tuple[str, ...] = ()
    """The members of a list answer, or the one answer as a value that can be computed with."""
    template: str = ""
    """The text as it was planned, when ``text`` has the parents' answers in it."""
    avoid: tuple[str, ...] = ()
    """Answers that led nowhere and are not given again."""
    attempts: int = 0
    """How often the step was sent out before: it grows when a re-plan sends it again."""

    def having(self, **changes: Any) -> SubQuestion:
        """Return a copy with *changes* applied."""
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class Plan:
    """A DAG of sub-questions. ``version`` grows by one with every :class:`PlanChange`."""

    steps: tuple[SubQuestion, ...] = ()
    version: int = 1
    source: str = "model"
    """Who made it: ``model``, ``fallback`` or ``triage``."""
    notes: tuple[str, ...] = ()
    """What had to be mended while it was made: a repair, a cap, why the model's plan was not taken."""


@dataclass(frozen=True, slots=True)
class PlanChange:
    """Why a plan changed: one of :data:`PLAN_CODES` or ``created``, and what it did."""

    version: int
    code: str
    detail: str
    step: str | None = None


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What a picture may show. ``score`` compares hypotheses of one picture; ``similarity`` is the eye's own.

    ``pros`` and ``cons`` are what speaks for and against it, in words. ``region`` is where it was seen, when
    it was a part of the picture that was searched.
    """

    name: str
    score: float
    doc_id: str | None = None
    image: str | None = None
    similarity: float = 0.0
    pros: tuple[str, ...] = ()
    cons: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    region: Region | None = None
    probability: float = 0.0
    """How likely it is that the picture shows this very thing; the rest is that it shows something unknown."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something in the way of an answer, found in code: one of :data:`PLAN_CODES`, the step, and what was seen."""

    code: str
    step: str
    detail: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Something a tool returned. Only evidence can be cited.

    ``start`` and ``end`` are character offsets of ``quote`` in the document's ``part``.
    ``score`` is the score of the tool that found it; ``trust`` is 0 to 1.
    """

    id: str
    kind: Literal["text", "image", "page", "region"]
    doc_id: str
    title: str
    quote: str = ""
    part: Part = "text"
    start: int = 0
    end: int = 0
    url: str | None = None
    image: str | None = None
    page: int | None = None
    score: float = 0.0
    margin: float | None = None
    tool: str = ""
    sub_question: str = ""
    retrieved_at: str = ""
    published_at: str | None = None
    trust: float = 1.0
    region: Region | None = None
    """The part of the question's picture whose search found it."""


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What a tool call came to. Tools return this, they do not raise."""

    status: OutcomeStatus
    items: tuple[Any, ...] = ()
    error: str | None = None
    elapsed: float = 0.0
    backend: str = ""
    """Who answered, when several might have."""
    notes: tuple[str, ...] = ()
    """What the user should know of it, such as a backend that was passed over."""
    retry_after: float | None = None
    """Seconds that a throttled server asked to be left alone."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Hard limits of one run. ``None`` means no limit."""

    model_calls: int | None = 60
    tool_calls: int | None = 30
    tokens: int | None = 60_000
    usd: float | None = None
    seconds: float | None = 120.0
    rounds: int = 5
    parallel: int = 4


PROFILES: Mapping[str, Budget] = {
    "fast": Budget(model_calls=25, tool_calls=12, tokens=20_000, seconds=45.0, rounds=2, parallel=3),
    "balanced": Budget(),
    "deep": Budget(model_calls=200, tool_calls=100, tokens=250_000, seconds=600.0, rounds=10, parallel=5),
}


ROLES = ("planner", "solver", "answerer", "judge")
"""What models do in a run: plan it, answer its sub-questions, write the answer, judge it."""


@dataclass(slots=True)
class RoleUsage:
    """What the model calls of one role have spent; ``seconds`` are those of its calls added up."""

    calls: int = 0
    prompt_tokens: int = 0
    cached_prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float = 0.0
    seconds: float = 0.0


@dataclass(slots=True)
class Usage:
    """What a run has spent. ``tool_calls`` counts by tool name; ``seconds`` is wall time."""

    model_calls: int = 0
    prompt_tokens: int = 0
    cached_prompt_tokens: int = 0
    completion_tokens: int = 0
    tool_calls: dict[str, int] = field(default_factory=dict)
    cached: int = 0
    usd: float = 0.0
    seconds: float = 0.0
    roles: dict[str, RoleUsage] = field(default_factory=dict)
    """The model calls by what they were made for: one of :data:`ROLES`."""


@dataclass(frozen=True, slots=True)
class Citation:
    """A mark ``[n]`` in the answer and the evidence it stands for."""

    n: int
    evidence_id: str
    doc_id: str
    title: str
    url: str | None = None
    quote: str = ""
    image: str | None = None
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a run: the object that ``--json`` prints (schema ``foveal.answer/1``)."""

    run_id: str
    question: str
    answer: str
    status: AnswerStatus
    stop_reason: str
    confidence: float = 0.0
    citations: tuple[Citation, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    plan: tuple[SubQuestion, ...] = ()
    plan_log: tuple[PlanChange, ...] = ()
    conflicts: tuple[Mapping[str, Any], ...] = ()
    """``{step, question, values: [{value, evidence_ids, title}], chosen, reason}``, one for each disagreement."""
    hypotheses: Mapping[str, tuple[Hypothesis, ...]] = field(default_factory=dict)
    """What each picture (by sha256) may show, best first."""
    warnings: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    config: Mapping[str, Any] = field(default_factory=dict)
    retrieved: tuple[str, ...] = ()
    """Document ids in rank order, all search calls merged."""
    session: str | None = None
    standalone_question: str | None = None
    """In a session: the question as it was researched, with what it left to earlier turns put in."""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form, with ``schema`` first."""
        return {name: plain(value) for name, value in self.parts().items()}

    def parts(self) -> dict[str, Any]:
        """Return what the JSON form holds, the values as they are."""
        return {"schema": "foveal.answer/1", **{f.name: getattr(self, f.name) for f in fields(self)}}


_PLAIN = (type(None), str, int, float, bool)
_LISTS = (list, tuple, set, frozenset)
_AT_ONCE = frozenset(_PLAIN)


def plain(value: Any) -> Any:
    """Return *value* as JSON data: dataclasses as mappings, an :class:`Answer` with its schema, tuples as lists.

    Many times as quick as ``dataclasses.asdict``, which copies every string: events are made between calls.
    """
    kind = value.__class__
    if kind in _AT_ONCE:
        return value
    if kind is dict:
        return {k: v if v.__class__ in _AT_ONCE else plain(v) for k, v in value.items()}
    if kind is Answer:
        return value.as_dict()
    names = getattr(kind, "__dataclass_fields__", None)
    if names is not None:
        return {name: v if (v := getattr(value, name)).__class__ in _AT_ONCE else plain(v) for name in names}
    if isinstance(value, _LISTS):
        return [plain(v) for v in value]
    return {k: plain(v) for k, v in value.items()} if isinstance(value, Mapping) else value


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened in a run; numbered from 1, in order."""

    seq: int
    type: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message. ``images`` are digests; a last message of role ``assistant`` is continued, not answered."""

    role: Literal["system", "user", "assistant"]
    content: str
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Generation:
    """A model's reply. ``parsed`` is set when a schema was asked for; ``logprob`` is the mean over its tokens."""

    text: str
    parsed: Any = None
    prompt_tokens: int = 0
    cached_prompt_tokens: int = 0
    completion_tokens: int = 0
    finish: Literal["stop", "length", "cancelled", "broken"] = "stop"
    """Why it ended; ``broken``: the connection was lost in the middle, and the text is what had come."""
    logprob: float | None = None
    usd: float = 0.0
    notes: tuple[str, ...] = ()
    """What the user should know of this call, such as a prompt that the server cut."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do, so that nothing is silently dropped."""

    vision: bool = False
    json_schema: bool = False
    json_object: bool = False
    tools: bool = False
    logprobs: bool = False
    context_tokens: int = 4096
    plans_freely: bool = False
    """Strong enough to plan without the guided skeleton."""
    usd_in: float = 0.0
    usd_out: float = 0.0
    """Price of a million prompt tokens and of a million completion tokens, in US dollars."""
    picture_tokens: int = 2000
    """The most that a picture counts as."""
    parallel: int = 1
    """Calls that may be under way at once with gain: independent questions of one step are asked so many at a time."""
    notes: tuple[str, ...] = ()
    """What the user should know before this model is used: what it lacks, and what stands in."""


@dataclass(frozen=True, slots=True)
class Label:
    """A class the eye saw: probability, name, and the one-line meaning of the name."""

    name: str
    gloss: str
    probability: float
    synonyms: tuple[str, ...] = ()
    """Its other names."""

    @property
    def names(self) -> tuple[str, ...]:
        """All that it is called, the commonest first."""
        return (self.name, *self.synonyms)


@dataclass(frozen=True, slots=True)
class OcrLine:
    """A line of text in a picture; ``box`` in pixels of the original picture, confidence 0 to 1."""

    text: str
    box: Region
    confidence: float


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a collection, with the words that were found in its picture."""

    id: str
    title: str
    text: str
    image: str | None = None
    ocr: str = ""
    labels: str = ""
    url: str | None = None
    source: str = ""
    licence: str = ""
    page: int | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scope:
    """Limits a search: to documents whose title, id or ``meta.doc`` contains ``name`` and, if set, to a page.

    A negative ``page`` counts from the document's end (-1 is the last).
    """

    name: str | None = None
    page: int | None = None
    doc_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TextHit:
    """A chunk found by text: offsets are in the document's ``part``; ``score`` is the fused rank score."""

    doc_id: str
    title: str
    text: str
    part: Part
    start: int
    end: int
    score: float
    dense_rank: int | None = None
    lexical_rank: int | None = None
    cosine: float | None = None
    image: str | None = None
    page: int | None = None
    url: str | None = None
    published_at: str | None = None
    """ISO date, of what comes from the web and tells it."""


SearchKind = Literal["text", "images", "news", "lookalikes"]
"""What a web search looks for: pages, pictures that words describe, news, pictures like a picture."""
Since = Literal["day", "week", "month", "year"]


@dataclass(frozen=True, slots=True)
class WebQuery:
    """What a search backend is asked. ``image`` is the digest of the picture whose lookalikes are sought."""

    text: str = ""
    kind: SearchKind = "text"
    k: int = 10
    image: str | None = None
    since: Since | None = None
    """Only what was published in the last day, week, month or year, as far as the backend can tell."""
    region: str = ""
    """Country and language as ``us-en``; empty: the backend's own default."""


@dataclass(frozen=True, slots=True)
class WebHit:
    """A result of a web search: what an engine says of a page or picture. Nothing of it was fetched.

    ``url`` is the page, http or https, without tracking parameters. ``rank`` counts from 1.
    """

    url: str
    title: str
    snippet: str = ""
    rank: int = 0
    engine: str = ""
    published_at: str | None = None
    image: str | None = None
    """Address of the picture, for picture results."""
    thumbnail: str | None = None
    width: int | None = None
    height: int | None = None
    score: float | None = None
    """Only from backends that give one: 0 to 1."""


@dataclass(frozen=True, slots=True)
class PagePicture:
    """A picture on a page: its address, and what the page says of it. Sizes are what the page claims."""

    url: str
    alt: str = ""
    caption: str = ""
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class WebPage:
    """A page as it was read. ``text`` is Markdown; evidence cites it by character offsets.

    ``url`` is its canonical address, by which mirrors are one, and the ``doc_id`` of its evidence.
    """

    url: str
    title: str
    text: str
    kind: Literal["html", "pdf", "text", "image"] = "html"
    fetched_from: str = ""
    """The address that gave the bytes, after redirects."""
    site: str = ""
    language: str = ""
    published_at: str | None = None
    """ISO date, when the page tells."""
    modified_at: str | None = None
    """ISO date of the last change that the page tells of."""
    retrieved_at: str = ""
    pictures: tuple[PagePicture, ...] = ()
    """Those worth seeing, the most telling first."""
    links: tuple[str, ...] = ()
    """Absolute addresses of the page's links, each once, in order: they may be visited, others may not."""
    pages: tuple[int, ...] = ()
    """Of a PDF: the offset in ``text`` at which each page begins."""
    notes: tuple[str, ...] = ()
    """What the user should know: cut, partly unreadable, an older copy."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a reranker judges: a passage, or a picture (its digest) with its caption as ``text``."""

    text: str
    title: str = ""
    image: str | None = None
    doc_id: str = ""


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate by its index, and its score: see :class:`foveal.protocols.Reranker`."""

    index: int
    score: float


@dataclass(frozen=True, slots=True)
class ImageHit:
    """A document found by picture. ``score`` is the centred cosine; ``margin`` is to the next other document."""

    doc_id: str
    title: str
    text: str
    image: str
    score: float
    margin: float
    page: int | None = None
    url: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    region: Region | None = None
    """The part of the searched picture that looks like it; None for the whole."""
