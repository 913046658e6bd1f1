"""A typed plan as a model writes it, checked before anything runs.

Nothing in a plan is trusted: ids are unique, dependencies exist and have no cycle, pictures and regions exist,
tools and operations are known, and there is no answer in it. What is wrong is said in words that the model
gets back for its one repair.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

from foveal.agents.drafting import MAX_STEPS
from foveal.agents.words import tokens
from foveal.types import ImageRef, Plan, Purpose, Region, SubQuestion, Tool

OPS = ("argmax", "argmin", "before", "after", "larger", "smaller", "same", "both", "either", "holds", "shared",
       "count", "sum", "difference", "days")  # fmt: skip
TOOLS: tuple[Tool, ...] = ("none", "image_search", "crop", "picture_search", "collection", "visit")
OF_TEXTS: tuple[Tool, ...] = ("collection", "visit")
"""Tools that look words up in the collection; where there is none but the web, a plan that names them means that."""
_PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
_PAIRS = ("before", "after", "larger", "smaller", "same", "shared", "difference", "days")
_ANSWERS = ("answer", "final_answer", "observation", "result", "thought")

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "steps": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_STEPS,
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "string", "pattern": "^s[0-9]+$"},
                    "question": {"type": "string", "minLength": 4, "maxLength": 300},
                    "purpose": {"enum": list(_PURPOSES)},
                    "tool": {"enum": [*TOOLS, "web"]},
                    "image": {"type": ["integer", "null"]},
                    "region": {"type": ["array", "null"], "items": {"type": "integer"}, "minItems": 4, "maxItems": 4},
                    "depends_on": {"type": "array", "items": {"type": "string"}},
                    "op": {"enum": ["", *OPS]},
                },
                "required": ["id", "question", "purpose", "tool", "depends_on"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["steps"],
    "additionalProperties": False,
}


class PlanFault(ValueError):
    """A plan that cannot be run; ``faults`` says everything that is wrong with it, a sentence each."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Frame:
    """What a plan may use: the question's pictures, the steps that identify them already, and the tools."""

    images: tuple[ImageRef, ...]
    identify: tuple[SubQuestion, ...]
    tools: tuple[Tool, ...] = TOOLS


def read_plan(written: Any, frame: Frame) -> Plan:
    """Return the plan that *written* (parsed JSON) describes, in an order in which parents come first.

    A plan of more than :data:`MAX_STEPS` steps keeps those that its last step rests on and says so in ``notes``.
    Raises PlanFault.
    """
    listed = written.get("steps") if isinstance(written, Mapping) else None
    if not isinstance(listed, list) or not listed:
        raise PlanFault(["the reply is no object with a list of steps"])
    faults: list[str] = []
    if said := [k for k in _ANSWERS if k in written or any(isinstance(s, Mapping) and s.get(k) for s in listed)]:
        faults.append(f"a plan holds no {said[0]}: nothing has been looked up yet")
    alias = {s.id: s.id for s in frame.identify}
    steps: dict[str, SubQuestion] = {s.id: s for s in frame.identify}
    for n, item in enumerate(listed, len(frame.identify) + 1):
        entry = {"question": item} if isinstance(item, str) else item
        if not isinstance(entry, Mapping):
            faults.append(f"step {n} is no object")
            continue
        step, wrong = _step(entry, f"s{n}", frame)
        faults += wrong
        if known := _already_identified(step, frame):
            alias[step.id] = known
        elif step.id in steps:
            faults.append(f"two steps are called {step.id}")
        else:
            steps[step.id] = step
    renamed = [_renamed(s, alias) for s in steps.values()]
    for step in renamed:
        if unknown := sorted(set(step.depends_on) - steps.keys()):
            faults.append(f"step {step.id} depends on {', '.join(unknown)}, which is no step")
    if faults:
        raise PlanFault(faults)
    return _capped(_labelled(_ordered(renamed)))


def _step(entry: Mapping[str, Any], default: str, frame: Frame) -> tuple[SubQuestion, list[str]]:
    name, text = str(entry.get("id") or default), str(entry.get("question") or "").strip()
    faults = [] if re.fullmatch(r"s\d+", name) else [f"{name!r} is no step id: use s1, s2, …"]
    if not 4 <= len(text) <= 300:
        faults.append(f"the question of step {name} should have 4 to 300 characters")
    purpose = str(entry.get("purpose") or "lookup")
    if purpose not in _PURPOSES:
        faults.append(f"step {name}: unknown purpose {purpose!r}; allowed are {', '.join(_PURPOSES)}")
    op = str(entry.get("op") or "")
    if op and op not in OPS:
        faults.append(f"step {name}: unknown op {op!r}; allowed are {', '.join(OPS)}")
    if purpose in ("compute", "compare") and op:
        purpose = "compute"
    elif purpose == "compute":
        faults.append(f"step {name} computes, so it needs an op: {', '.join(OPS)}")
    image, region, wrong = _picture(entry, name, purpose, frame)
    faults += wrong
    usual = {"identify": "crop" if region else "image_search", "compute": "none"}
    tool = "none" if purpose == "compute" else str(entry.get("tool") or usual.get(purpose, "collection"))
    if tool in OF_TEXTS and tool not in frame.tools and "web" in frame.tools:
        tool = "web"
    if tool not in frame.tools:
        faults.append(f"step {name}: unknown tool {tool!r}; allowed are {', '.join(frame.tools)}")
    given = entry.get("depends_on")
    named = [*(str(d).lstrip("#") for d in (given if isinstance(given, list) else ())), *re.findall(r"#(s\d+)", text)]
    if op in _PAIRS and len(set(named)) != 2:
        faults.append(f"step {name}: {op} needs exactly two steps in depends_on")
    step = SubQuestion(
        name, text, purpose=cast(Purpose, purpose), tool=cast(Tool, tool), image=image, region=region, op=op,
        depends_on=tuple(dict.fromkeys(named)),
    )  # fmt: skip
    return step, faults


def _picture(
    entry: Mapping[str, Any], name: str, purpose: str, frame: Frame
) -> tuple[str | None, Region | None, list[str]]:
    number, box = entry.get("image"), entry.get("region")
    if number is None:
        needed = purpose == "identify" and entry.get("tool") != "picture_search"
        return None, None, [f"step {name} identifies, so it needs the number of an image"] if needed else []
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= len(frame.images):
        return None, None, [f"step {name}: there is no image {number}; there are {len(frame.images)}, counted from 1"]
    image = frame.images[number - 1]
    if box is None:
        return image.sha256, None, []
    if not isinstance(box, list) or len(box) != 4 or not all(isinstance(x, int) for x in box):
        return image.sha256, None, [f"step {name}: a region is four whole numbers x0, y0, x1, y1"]
    x0, y0, x1, y1 = max(0, box[0]), max(0, box[1]), min(image.width, box[2]), min(image.height, box[3])
    if x0 >= x1 or y0 >= y1:
        return image.sha256, None, [f"step {name}: the region is empty in an image of {image.width}×{image.height}"]
    return image.sha256, Region(x0, y0, x1, y1), []


def _already_identified(step: SubQuestion, frame: Frame) -> str | None:
    whole = step.purpose == "identify" and step.image and step.region is None
    return next((s.id for s in frame.identify if whole and s.image == step.image), None)


def _renamed(step: SubQuestion, alias: Mapping[str, str]) -> SubQuestion:
    text = re.sub(r"#(s\d+)", lambda m: f"#{alias.get(m[1], m[1])}", step.text)
    return step.having(text=text, depends_on=tuple(dict.fromkeys(alias.get(d, d) for d in step.depends_on)))


def _ordered(steps: Sequence[SubQuestion]) -> list[SubQuestion]:
    """Return *steps* with parents first, otherwise as they stood. Raises PlanFault for a cycle."""
    ordered: list[SubQuestion] = []
    left = list(steps)
    while left:
        done = {s.id for s in ordered}
        free = next((s for s in left if set(s.depends_on) <= done), None)
        if free is None:
            raise PlanFault([f"the steps {', '.join(s.id for s in left)} wait for each other"])
        ordered.append(free)
        left.remove(free)
    if ordered[-1] is not steps[-1] and not any(steps[-1].id in s.depends_on for s in ordered):
        ordered.remove(steps[-1])
        ordered.append(steps[-1])
    return ordered


def _labelled(steps: list[SubQuestion]) -> list[SubQuestion]:
    """Give every operand of a choice the name of what it is a value of, so that the choice can name it."""
    chosen = {d for s in steps if s.op in ("argmax", "argmin", "holds") for d in s.depends_on}
    return [s.having(noun=_about(s)) if s.id in chosen and s.purpose != "identify" and not s.noun else s for s in steps]


def _about(step: SubQuestion) -> str:
    if referred := re.search(r"#s\d+", step.text):
        return referred[0]
    names = [t.text for t in tokens(step.text) if t.kind == "name"]
    return names[-1].strip('"“”') if names else step.text.rstrip("?")


def _capped(steps: list[SubQuestion]) -> Plan:
    if len(steps) <= MAX_STEPS:
        return Plan(tuple(steps), source="model")
    by_id = {s.id: s for s in steps}
    kept = {steps[-1].id}
    queue = [steps[-1]]
    while queue:
        parents = [by_id[d] for d in queue.pop(0).depends_on if d not in kept]
        kept |= {p.id for p in parents}
        queue += parents
    if len(kept) > MAX_STEPS:
        raise PlanFault([f"the answer rests on {len(kept)} steps; at most {MAX_STEPS} are allowed"])
    for step in steps:
        if len(kept) < MAX_STEPS and set(step.depends_on) <= kept:
            kept.add(step.id)
    left = tuple(s for s in steps if s.id in kept)
    return Plan(left, source="model", notes=(f"{len(steps)} steps were planned, {len(left)} kept",))
