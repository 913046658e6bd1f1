"""An Inspect task that asks Foveal: our question file as its dataset, our measures as its scorers.

    pip install 'foveal[embedded]' inspect-ai
    inspect eval examples/inspect_eval.py --model none -T index=.foveal/demo-index --limit 10
    inspect log list; inspect view

Foveal runs as an Inspect agent, with its own models (``-T model=SPEC``); ``-T concurrency=N`` questions at a time, for
Inspect begins many samples at once and a question's time must not run while it waits for a model in this process. With
``-T bridge=true`` it asks Inspect's model instead, through Inspect's agent bridge: ``--model openai/gpt-4o``, with
Inspect's limits, cache and transcript of every call. Citations, usage and what else an answer tells are in the
sample's store and in the score's metadata. A question that Foveal fails at is a sample with an empty answer, which is
wrong; what every question would fail at ends the evaluation.
"""

# no postponed annotations: Inspect loads this file in a way in which Pydantic could not look them up
import asyncio
import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from inspect_ai import Task, task
from inspect_ai.agent import Agent, AgentState, agent, agent_bridge
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import (
    ChatMessageAssistant,
    ChatMessageUser,
    ContentImage,
    ContentText,
    DocumentCitation,
    ModelOutput,
    ModelUsage,
    get_model,
)
from inspect_ai.scorer import Metric, Score, Scorer, Target, grouped, mean, scorer, stderr
from inspect_ai.solver import TaskState
from inspect_ai.util import StoreModel, store_as
from pydantic import Field

from foveal import Foveal
from foveal.errors import FovealError
from foveal.evaluation.predictions import Prediction
from foveal.evaluation.questions import Question, load_questions
from foveal.evaluation.runner import ENDING
from foveal.evaluation.score import Judged, judge
from foveal.settings import load_settings
from foveal.tools.models.openai import OpenAIModel
from foveal.tools.models.openai_endpoint import endpoint_of
from foveal.types import ROLES, Answer, Generation, Usage

HERE = Path(__file__).parent


class Research(StoreModel):
    """What a sample's store says of its answer, in the words of ``foveal ask --json``."""

    prediction: dict[str, Any] = Field(default_factory=dict)
    confidence: float = 0.0
    citations: list[dict[str, Any]] = Field(default_factory=list)
    usage: dict[str, Any] = Field(default_factory=dict)
    plan: list[dict[str, Any]] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
    error: str = ""


@task
def questions(
    file: str = str(HERE / "questions.jsonl"),
    index: str | None = None,
    strategy: str | None = None,
    profile: str | None = None,
    model: str | None = None,
    bridge: bool = False,
    concurrency: int = 1,
) -> Task:
    """Ask the questions of *file* about the collection *index*; *bridge* asks Inspect's model."""
    given = {"index": index, "strategy": strategy, "profile": profile, "model": model}
    return Task(
        dataset=dataset_of(Path(file)),
        solver=foveal(bridge=bridge, concurrency=concurrency, **given),
        scorer=[correct(), found(), chained()],
        version=1,
    )


def dataset_of(file: Path) -> MemoryDataset:
    """Return the questions of *file* as samples: pictures and words of a user, aliases as targets."""
    loaded = load_questions(file)
    samples = []
    for question in loaded.questions:
        pictures = [ContentImage(image=picture) for picture in question.images]
        samples.append(
            Sample(
                id=question.id,
                input=[ChatMessageUser(content=[*pictures, ContentText(text=question.question)])],
                target=list(question.answers) or "unable to determine",
                metadata=question.model_dump(mode="json"),
            )
        )
    return MemoryDataset(samples, name=file.stem, location=str(file))


@agent
def foveal(bridge: bool = False, concurrency: int = 1, **settings: Any) -> Agent:
    """Foveal with *settings*; one for all samples, so that models are loaded once. *concurrency*: see above."""
    shared = Foveal(load_settings(settings).model_copy(update={"persist": False}))
    room = asyncio.Semaphore(concurrency)

    async def execute(state: AgentState) -> AgentState:
        if not bridge:
            async with room:
                return await research(shared, state)
        if not isinstance(shared.tools.models["planner"], Bridged):
            shared.tools.models = dict.fromkeys(ROLES, Bridged.of(shared))
        async with agent_bridge(forward_generation_config=True):
            return await research(shared, state)

    return execute


class Bridged(OpenAIModel):
    """The model that Inspect evaluates, as the bridge gives it to clients of OpenAI: without streams."""

    @classmethod
    def of(cls, foveal: Foveal) -> Self:
        """Return it for *foveal*; no call leaves by the address, whose path tells what is known of one model apart."""
        endpoint = endpoint_of(f"inspect@http://127.0.0.1:9/{get_model()}", foveal.settings)
        return cls(endpoint, cache=foveal.settings.cache, pictures=foveal.tools.picture)

    async def generate(self, messages: Any, *, on_text: Any = None, **asked: Any) -> Generation:
        """Answer, all at once."""
        reply = await super().generate(messages, **asked)
        if on_text is not None:
            on_text(reply.text)
        return reply


async def research(shared: Foveal, state: AgentState) -> AgentState:
    """Ask what the last user message asks; the answer becomes a message, and the rest of it goes to the store."""
    asked = next(message for message in reversed(state.messages) if isinstance(message, ChatMessageUser))
    parts = asked.content if isinstance(asked.content, list) else []
    told = store_as(Research)
    try:
        answer = await shared.ask(asked.text, [_picture(p.image) for p in parts if isinstance(p, ContentImage)])
    except ENDING:
        raise
    except FovealError as error:
        told.error = str(error)
        told.prediction = {"status": "failed", "stop_reason": error.code}
        answer = Answer("", asked.text, "", "failed", error.code)
    else:
        row = Prediction.of("", answer, answer.usage.seconds)
        told.prediction = {name: getattr(row, name) for name in Prediction.__dataclass_fields__ if name != "id"}
        kept = answer.as_dict()
        told.citations, told.usage, told.plan = kept["citations"], kept["usage"], kept["plan"]
        told.confidence, told.warnings = answer.confidence, kept["warnings"]
    state.output = output_of(answer)
    state.messages.append(state.output.message)
    return state


def output_of(answer: Answer) -> ModelOutput:
    """Return *answer* as a model's output, its citations and tokens with it."""
    cited = [
        DocumentCitation(title=one.title or one.doc_id, cited_text=one.quote or None, internal={"doc_id": one.doc_id})
        for one in answer.citations
    ]
    message = ChatMessageAssistant(content=[ContentText(text=answer.answer, citations=cited or None)], model="foveal")
    output = ModelOutput.from_message(message)
    output.usage = _tokens(answer.usage)
    output.time = answer.usage.seconds
    return output


def _tokens(usage: Usage) -> ModelUsage:
    total = usage.prompt_tokens + usage.completion_tokens
    return ModelUsage(
        input_tokens=usage.prompt_tokens, output_tokens=usage.completion_tokens, total_tokens=total,
        total_cost=usage.usd or None,
    )  # fmt: skip


def _picture(image: str) -> bytes | Path:
    """Return a picture of a message, which Inspect gives as a path or as a data address."""
    kind, _, data = image.partition(";base64,")
    return base64.b64decode(data) if kind.startswith("data:") else Path(image)


def _judged(state: TaskState) -> tuple[Judged, Research]:
    told = state.store_as(Research)
    question = Question.model_validate_json(json.dumps(state.metadata))
    prediction = Prediction.from_row({**told.prediction, "id": question.id})
    return judge([question], {question.id: prediction})[0], told


BY_CATEGORY: Sequence[Metric] = [grouped(mean(), "category", all_label="ALL"), stderr()]


@scorer(metrics=[*BY_CATEGORY])
def correct() -> Scorer:
    """Whether the answer is right, as ``foveal eval score`` judges it: accuracy by category."""

    async def score(state: TaskState, target: Target) -> Score:
        row, told = _judged(state)
        about = {"confidence": told.confidence, "citations": told.citations, "usage": told.usage}
        return Score(
            value=float(row.correct), answer=told.prediction.get("answer", ""), explanation=told.error or None,
            metadata={**about, "status": told.prediction.get("status"), "declined": row.declined},
        )  # fmt: skip

    return score


@scorer(metrics=[mean(), stderr()])
def found() -> Scorer:
    """Recall at 10 of the documents that a right answer rests on; not for questions without any."""

    async def score(state: TaskState, target: Target) -> Score | None:
        row, told = _judged(state)
        ids = " ".join(told.prediction.get("retrieved", ()))
        return None if row.recall is None else Score(value=row.recall, answer=ids)

    return score


@scorer(metrics=[mean(), stderr()])
def chained() -> Scorer:
    """Whether a document of every hop was found; not for questions without hops."""

    async def score(state: TaskState, target: Target) -> Score | None:
        row, _ = _judged(state)
        return None if row.chain is None else Score(value=float(row.chain))

    return score
