"""The runs that one ``foveal eval run`` makes: a strategy each, and ablations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foveal.cli import options, seams
from foveal.errors import BadInput
from foveal.settings import Settings

if TYPE_CHECKING:
    from foveal.evaluation.questions import Question, QuestionSet

CLOSED_BOOK, NO_IMAGE = "closed_book", "no_image"

Strategies = Annotated[
    str | None,
    typer.Option(
        "--strategy",
        metavar="A,B",
        help="How questions are gone about (`foveal eval strategies` lists all). Several, with commas between them, "
        "are run one after the other into OUT/NAME.",
        show_default=False,
    ),
]
ClosedBook = Annotated[
    bool,
    typer.Option(
        "--closed-book", help="Search nothing: the answer model gets the question and its pictures. An own run, beside "
        "those of --strategy if that is given.",
    ),
]  # fmt: skip
NoImage = Annotated[
    bool,
    typer.Option("--no-image", help="The same without the pictures: what is right now was known or guessed from text."),
]
Sample = Annotated[
    int | None,
    typer.Option(
        "--sample", metavar="N", min=1, show_default=False,
        help="N questions in all, each category by its share; a larger sample holds every smaller one.",
    ),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Arm:
    """One of the runs that a command makes. ``name`` is its folder when there are several."""

    name: str
    settings: Settings
    ablation: str = ""

    def config(self, questions: QuestionSet, drawn: dict[str, int]) -> dict[str, Any]:
        """Return what its answers depend on. What is not used leaves no trace, so that older folders go on."""
        ablation = {"ablation": self.ablation} if self.ablation else {}
        return {**_config(self.settings), **ablation, **drawn, "questions": questions.sha256}

    def asked(self, questions: Sequence[Question]) -> Sequence[Question]:
        """Return the questions as it is given them."""
        if self.ablation != NO_IMAGE:
            return questions
        return [question.model_copy(update={"images": (), "references": ()}) for question in questions]


def arms_of(
    context: typer.Context, flags: dict[str, Any], strategies: str | None, *, closed_book: bool, no_image: bool
) -> list[Arm]:
    """Return the runs to be made, each strategy's name checked. Raises BadConfig, BadInput."""
    names = [name.strip() for name in strategies.split(",")] if strategies is not None else [None]
    if "" in names or len(set(names)) < len(names):
        raise BadInput(
            f"--strategy {strategies}: a name is missing or is there twice.", remedy="Give names with commas between."
        )
    ablations = [name for name, wanted in ((CLOSED_BOOK, closed_book), (NO_IMAGE, no_image)) if wanted]
    # the folder of the evaluation keeps its own traces
    made = [
        options.settings_of(context, **flags, strategy=name).model_copy(update={"persist": False}) for name in names
    ]
    arms = [Arm(settings.strategy.replace(":", "-"), settings) for settings in made]
    nothing = {"strategy": "direct", "index": None, "web": "off"}
    blank = [Arm(name, made[0].model_copy(update=nothing), name) for name in ablations]
    return [*(arms if strategies is not None or not ablations else ()), *blank]


def _config(settings: Settings) -> dict[str, Any]:
    """What answers depend on, and nothing secret."""
    from foveal.prompts.loader import prompts_hash

    keys = (
        "model", "planner_model", "solver_model", "answer_model", "judge_model", "profile", "strategy", "web",
        "max_calls", "max_usd", "deadline", "ocr", "openai_base_url", "replan", "sufficiency",
    )  # fmt: skip
    more = (
        "reranker", "selector", "rerank_pool", "private", "robots", "browser", "image_embedder", "text_embedder",
        "page_embedder", "hubness", "document_means", "plans_freely", "llama_context", "hf_dtype",
    )  # fmt: skip
    values: dict[str, Any] = {key: getattr(settings, key) for key in keys}
    chosen = {key: getattr(settings, key) for key in more}
    # only what is not as it always was, so that older folders go on
    values |= {key: value for key, value in chosen.items() if value != type(settings).model_fields[key].default}
    values["index"] = str(settings.index.absolute()) if settings.index else None
    return {**values, **seams.calibration_of(settings), "prompts": prompts_hash()}
