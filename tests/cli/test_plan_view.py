"""The live plan: what the tree shows as the plan changes, and on terminals that can do less."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from foveal.cli import plan_view
from foveal.types import Event

FIRST = {"id": "s1", "text": "When was the tower built?", "tool": "collection", "status": "pending"}
SECOND = {"id": "s2", "text": "Who was king in #s1?", "tool": "collection", "status": "pending", "depends_on": ["s1"]}
CHECK = {
    "id": "s3",
    "text": "When, by another source?",
    "tool": "collection",
    "status": "pending",
    "depends_on": ["s1"],
}
SIDES = [{"value": "1901", "title": "Tower"}, {"value": "1911", "title": "Guide"}]


def events(*rows: tuple[str, dict[str, Any]]) -> list[Event]:
    return [Event(n, kind, data) for n, (kind, data) in enumerate(rows, 1)]


STORY = events(
    ("run.started", {"question": "q", "budget": {"tool_calls": 30, "seconds": 120.0}}),
    ("plan.created", {"steps": [FIRST, SECOND], "source": "model"}),
    ("subquestion.started", {"step": {**FIRST, "status": "running"}}),
    ("tool.called", {"tool": "collection", "step": "s1", "query": "tower"}),
    ("tool.returned", {"tool": "collection", "step": "s1", "status": "ok", "n": 3, "elapsed": 0.4}),
    ("subquestion.finished", {"step": {**FIRST, "status": "answered", "answer": "1901", "confidence": 0.7}}),
    (
        "plan.changed",
        {
            "code": "CONFLICT",
            "detail": "1901 against 1911",
            "step": "s1",
            "version": 2,
            "steps": [{**FIRST, "text": "In which year?"}, CHECK],
        },
    ),
    ("conflict.found", {"step": "s1", "values": SIDES, "chosen": "1901", "reason": "two sources say so"}),
    ("answer.final", {"answer": {"status": "answered", "plan": [{**CHECK, "status": "answered", "answer": "1901"}]}}),
)


def drawn(story: list[Event], *, width: int = 100, height: int = 40, **options: Any) -> str:
    view = plan_view.LiveView("Which?")
    view._console = Console(width=width, height=height)
    for event in story:
        view.show(event)
    shown = io.StringIO()
    Console(width=width, file=shown, **options).print(view._draw())
    return shown.getvalue()


def test_a_step_hangs_below_the_one_it_needs() -> None:
    lines = drawn(STORY[:2]).splitlines()
    first, second = (next(line for line in lines if step in line) for step in ("s1 When", "s2 Who"))
    assert second.index("s2") > first.index("s1")


def test_a_running_step_turns_and_tells_its_calls() -> None:
    shown = drawn(STORY[:5])
    assert any(frame in shown for frame in plan_view.TURNING)
    assert "collection ok, 3 found, 0.4 s" in shown and "tool calls: 1 of 30, 0 s of 120 s" in shown


def test_a_change_stands_at_its_step_with_its_code_and_what_it_replaced() -> None:
    shown = drawn(STORY[:7])
    lines = shown.splitlines()
    at = next(n for n, line in enumerate(lines) if "s1 In which year?" in line)
    assert "was: When was the tower built?" in lines[at + 1] and "CONFLICT: 1901 against 1911" in lines[at + 2]
    assert "s2 Who was king in #s1? (dropped)" in shown and "version 2" in shown


def test_what_was_replaced_is_struck_through_in_colour() -> None:
    shown = drawn(STORY[:7], color_system="standard", force_terminal=True)
    assert "\x1b[2;9mWhen was the tower built?" in shown and "\x1b[2;9ms2 Who was king in #s1?" in shown


def test_a_conflict_names_both_values_and_the_choice() -> None:
    shown = " ".join(drawn(STORY[:8], width=200).split())
    assert "conflict at s1: 1901 (Tower) against 1911 (Guide); 1901 was chosen: two sources say so" in shown


def test_what_code_computed_is_known_at_the_end() -> None:
    assert "✓ s3 When, by another source? = 1901" in drawn(STORY)


def test_a_narrow_terminal_does_not_nest() -> None:
    lines = drawn(STORY[:2], width=44).splitlines()
    first, second = (next(line for line in lines if step in line) for step in ("s1 When", "s2 Who"))
    assert second.index("s2") == first.index("s1")
    assert all(len(line) <= 44 for line in drawn(STORY, width=44).splitlines())


def test_a_plan_longer_than_the_screen_keeps_what_is_under_way_in_sight() -> None:
    rows = [{"id": f"s{n}", "text": f"step {n}", "status": "answered"} for n in range(1, 30)]
    rows.append({"id": "s30", "text": "the last", "status": "running"})
    shown = drawn(events(("plan.created", {"steps": rows, "source": "model"})), height=12)
    assert len(shown.splitlines()) <= 12
    assert "s30 the last" in shown and "answered before" in shown


def test_row_78_a_terminal_without_utf8_gets_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stderr", narrow)
    view = plan_view.LiveView("Which “tower”… 塔?")
    for event in STORY:
        view.show(event)
    console = Console(file=narrow, width=80)
    console.print(view._draw())
    narrow.flush()
    shown = narrow.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]
    assert "+ s3" in shown and "Which ?tower?... ??" in shown


def test_row_78_no_color_keeps_the_words_and_drops_the_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    shown = drawn(STORY[:5], color_system="standard", force_terminal=True)
    assert "s1 When was the tower built?" in shown and "\x1b[33m" not in shown


@pytest.mark.parametrize(
    ("terminal", "kind", "expected"),
    [
        (True, "xterm", plan_view.LiveView),
        (True, "dumb", plan_view.LineView),
        (False, "xterm", plan_view.LineView),
    ],
)
def test_the_view_suits_the_terminal(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, kind: str, expected: type
) -> None:
    monkeypatch.setattr(plan_view, "on_terminal", lambda: terminal)
    monkeypatch.setenv("TERM", kind)
    assert isinstance(plan_view.make_view("q", quiet=False), expected)


def test_plain_lines_tell_the_same_story(capsys: pytest.CaptureFixture[str]) -> None:
    view = plan_view.LineView("q")
    for event in STORY:
        view.show(event)
    told = capsys.readouterr().err
    for line in (
        "plan: 2 steps (model)",
        "s1 answered = 1901 (0.70)",
        "plan changed, version 2, at s1: CONFLICT: 1901 against 1911",
        "  s2 dropped: Who was king in #s1?",
        "conflict at s1: 1901 (Tower) against 1911 (Guide); 1901 was chosen: two sources say so",
    ):
        assert line in told.splitlines(), line


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are of Unix")
def test_on_a_real_terminal_the_last_state_stays(tmp_path: Path) -> None:
    import pty
    import subprocess

    (tmp_path / "show.py").write_text(
        "from foveal.cli.plan_view import make_view\nfrom foveal.types import Event\n"
        "with make_view('Which?', quiet=False) as view:\n"
        "    view.show(Event(1, 'plan.created', {'steps': [{'id': 's1', 'text': 'One?'}], 'source': 'model'}))\n"
        "    step = {'id': 's1', 'status': 'answered', 'answer': 'yes'}\n"
        "    view.show(Event(2, 'subquestion.finished', {'step': step}))\n"
    )
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24", "PYTHONIOENCODING": "utf-8"}
    subprocess.run([sys.executable, tmp_path / "show.py"], stderr=follower, check=True, env=environment, timeout=60)
    os.close(follower)
    shown = os.read(leader, 100_000).decode("utf-8", "replace")
    os.close(leader)
    assert "\x1b[" in shown, "it redraws"
    assert "✓ s1 One?" in shown and "= yes" in shown
