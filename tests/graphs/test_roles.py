"""Several models in one run: who does what, what each of them costs, and what the judge makes of the answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes.lands import TOWER, embedders, lands

from foveal.api import Foveal
from foveal.errors import RunMismatch
from foveal.runtime import check_unchanged
from foveal.settings import Settings
from foveal.tools.models.scripted import ScriptedModel
from foveal.types import ROLES, Capabilities, Generation, RoleUsage

QUESTION = "Who built the Eph Tower?"
PLAN = {"steps": [{"id": "s1", "question": QUESTION, "purpose": "lookup", "tool": "collection", "depends_on": []}]}
CAREFUL = [{"task": "read", "contains": TOWER[:20], "probability": 0.95, "repeat": True},
           {"task": "read", "probability": 0.02, "repeat": True},
           {"task": "read", "reply": " Bo Ek", "repeat": True}]  # fmt: skip
STRONG = Capabilities(json_schema=True, plans_freely=True)


class Priced(ScriptedModel):
    """A scripted model with a name of its own that costs a cent a call and says something of each."""

    def __init__(self, name: str, script: list[dict[str, Any]], *, note: str = "", **can: Any) -> None:
        super().__init__(script, **can)
        self.name = name
        self._note = note

    def _generation(self, *args: Any, **kwargs: Any) -> Generation:
        notes = (self._note,) if self._note else ()
        return replace(super()._generation(*args, **kwargs), usd=0.01, cached_prompt_tokens=3, notes=notes)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return lands(tmp_path)


def wired(settings: Settings, **models: ScriptedModel) -> Foveal:
    made = Foveal(settings)
    made.tools.__dict__.update(embedders=embedders(), models=models)
    return made


def four(judged: float = 0.9) -> dict[str, ScriptedModel]:
    return {
        "planner": Priced("big", [{"task": "plan", "reply": PLAN, "repeat": True}], capabilities=STRONG),
        "solver": Priced("small", CAREFUL),
        "answerer": Priced("big", [{"task": "answer", "reply": "It was built by Bo Ek [1].", "repeat": True}],
                           capabilities=STRONG),
        "judge": Priced("other", [{"task": "support", "probability": judged, "repeat": True}]),
    }  # fmt: skip


async def test_each_role_has_its_own_model_and_what_it_spent_is_told_apart(settings: Settings) -> None:
    models = four()
    async with wired(settings, **models) as foveal:
        answer = await foveal.ask(QUESTION)
        kept = foveal.tools.runs.calls(answer.run_id)  # type: ignore[union-attr]
    assert answer.answer == "It was built by Bo Ek [1]." and answer.config["models"] == {
        "planner": "big", "solver": "small", "answerer": "big", "judge": "other",
    }  # fmt: skip
    assert [c.task for c in models["planner"].calls] == ["plan"] and [c.task for c in models["judge"].calls] == [
        "support"
    ]
    roles, usage = answer.usage.roles, answer.usage
    assert set(roles) == set(ROLES) and {c.role for c in kept if c.kind == "model"} == set(ROLES)
    assert sum(r.calls for r in roles.values()) == usage.model_calls
    assert sum(r.usd for r in roles.values()) == pytest.approx(usage.usd) and usage.usd > 0
    for field in ("prompt_tokens", "completion_tokens", "cached_prompt_tokens"):
        assert sum(getattr(r, field) for r in roles.values()) == getattr(usage, field)
    assert answer.as_dict()["usage"]["roles"]["judge"]["calls"] == 1


async def test_one_model_for_all_is_asked_by_the_solver_alone(settings: Settings) -> None:
    model = ScriptedModel(CAREFUL)
    async with wired(settings, **dict.fromkeys(ROLES, model)) as foveal:
        answer = await foveal.ask(QUESTION)
    assert answer.answer == "Bo Ek [1]" and set(answer.usage.roles) == {"solver"}
    assert isinstance(answer.usage.roles["solver"], RoleUsage)


async def test_a_judge_that_doubts_lowers_the_confidence_and_is_told(settings: Settings) -> None:
    models = four(judged=0.2)
    async with wired(settings, **models) as foveal:
        answer = await foveal.ask(QUESTION)
    assert answer.status == "answered" and answer.confidence == 0.2
    assert any("other, doubts that the sources support this answer (0.20)" in w for w in answer.warnings)
    said = models["judge"].calls[0].messages[-1].content
    assert "Bo Ek in 1901" in said and "Answer: It was built by Bo Ek [1]." in said


async def test_a_judge_that_fails_is_told_and_the_answer_stays(settings: Settings) -> None:
    models = {**four(), "judge": Priced("other", [])}
    async with wired(settings, **models) as foveal:
        answer = await foveal.ask(QUESTION)
    assert answer.status == "answered" and any("was not judged" in w for w in answer.warnings)


async def test_row_49_what_a_call_notes_is_told_once(settings: Settings) -> None:
    note = "The server cut the prompt; set OLLAMA_CONTEXT_LENGTH."
    models = {**four(), "solver": Priced("small", CAREFUL, note=note)}
    async with wired(settings, **models) as foveal:
        answer = await foveal.ask(QUESTION)
    assert answer.usage.roles["solver"].calls > 1 and [*answer.warnings].count(note) == 1


async def test_models_are_made_ready_before_the_first_call(settings: Settings) -> None:
    class Probing(ScriptedModel):
        async def prepare(self) -> None:
            self.capabilities = Capabilities(json_schema=True, plans_freely=True)

    plan, solve = {"task": "plan", "reply": PLAN}, {"task": "solve", "reply": "no JSON"}
    answer = {"task": "answer", "reply": "It was built by Bo Ek [1]."}
    model = Probing([plan, solve, answer, *CAREFUL])
    async with wired(settings, **dict.fromkeys(ROLES, model)) as foveal:
        told = await foveal.ask(QUESTION)
    assert model.calls[0].task == "plan", "what it can do was not known when it was made"
    assert told.answer == "It was built by Bo Ek [1]."


async def test_a_resume_with_another_model_in_a_role_is_refused_and_named(settings: Settings) -> None:
    async with wired(settings, **four()) as foveal:
        answer = await foveal.ask(QUESTION)
        run = foveal.tools.runs.run(answer.run_id)  # type: ignore[union-attr]
        content = run.settings["content"]
        check_unchanged(run, foveal.tools.config(), content)
        foveal.tools.models["judge"].name = "stricter"
        with pytest.raises(RunMismatch, match="with another model of the judge"):
            check_unchanged(run, foveal.tools.config(), content)


def test_one_instance_serves_all_roles_of_a_spec(tmp_path: Path) -> None:
    script = tmp_path / "a.json"
    script.write_text("[]", encoding="utf-8")
    other = tmp_path / "b.json"
    other.write_text("[]", encoding="utf-8")
    made = Foveal(
        Settings(model=f"scripted:{script}", answer_model=f"scripted:{other}", judge_model=f"scripted:{other}")
    )
    models = made.tools.models
    assert models["planner"] is models["solver"] and models["answerer"] is models["judge"]
    assert models["planner"] is not models["judge"]
