"""The closed-book strategy: one model call, no search. What searching adds is measured against it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from foveal.agents import fence
from foveal.graphs.state import Research, ResearchState
from foveal.prompts.loader import render
from foveal.types import Answer, Plan, PlanChange, SubQuestion


async def answer_directly(state: ResearchState, work: Research) -> dict[str, Any]:
    """Answer from the model's memory and the words seen in the pictures."""
    seen = []
    for number, perception in enumerate(state["perceptions"].values(), 1):
        labels = ", ".join(label.name.split(",")[0] for label in perception.labels[:3])
        seen.append(f"Picture {number} looks like: {labels}. Text in it: {perception.ocr[:800] or 'none'}\n")
    step = SubQuestion("s1", state["question"], tool="none")
    work.emit("plan.created", {"steps": (step,), "source": "direct"})
    work.emit("subquestion.started", {"step": step})
    messages = render("direct", code=fence.of(work.answerer), question=state["question"], seen="".join(seen))
    if work.answerer.capabilities.vision:
        messages[-1] = replace(messages[-1], images=tuple(i.sha256 for i in state["images"]))
    call = await work.answerer.generate(
        messages,
        max_tokens=48,
        stop=("\n",),
        task="direct",
    )
    text = call.text.strip()
    unable = not text or "unable to determine" in text.lower()
    step = step.having(status="insufficient" if unable else "answered", answer=None if unable else text, confidence=0.3)
    work.emit("subquestion.finished", {"step": step})
    answer = Answer(
        run_id=state["run_id"],
        question=state["question"],
        answer="Unable to determine." if unable else text,
        status="insufficient" if unable else "answered",
        stop_reason="insufficient_evidence" if unable else "answered",
        confidence=0.0 if unable else 0.3,
        config=work.config,
    )
    return {
        "answer": answer,
        "plan": Plan((step,), source="direct"),
        "plan_log": [PlanChange(1, "created", "closed book")],
        "warnings": ["Answered without searching: nothing backs this answer."],
    }
