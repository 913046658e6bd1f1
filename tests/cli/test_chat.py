"""``foveal chat`` and ``foveal ask --session`` over the whole graph, piped and as at a terminal."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes.lands import flag, lands, wired

from foveal.cli import chat_input, seams
from foveal.settings import Settings

from .conftest import Outcome

CAPITAL = "What is the capital of the country whose flag is shown?"
Talk = Callable[..., Outcome]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A collection, its flags as files, and a Foveal without weights behind the seam."""
    settings = lands(tmp_path)
    for name in ("Ida", "Cor"):
        (tmp_path / f"{name} flag.png").write_bytes(flag(name))
    monkeypatch.setenv("FOVEAL_HOME", str(settings.home))
    monkeypatch.setenv("FOVEAL_INDEX", str(settings.index))
    monkeypatch.setattr(seams, "make_foveal", lambda chosen: wired(chosen, []))
    return settings


@pytest.fixture
def talk(world: Settings, foveal: Any, monkeypatch: pytest.MonkeyPatch) -> Talk:
    def run(*said: str, arguments: tuple[object, ...] = ("--session", "s")) -> Outcome:
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in said)))
        return foveal("chat", *arguments)

    return run


def answers(outcome: Outcome) -> list[str]:
    return [line.split(" [")[0] for line in outcome.out.splitlines() if " [1]" in line]


def test_behaviour_32_piped_follow_ups(talk: Talk, world: Settings) -> None:
    done = talk(CAPITAL, "what about its area?", "And Bel?", arguments=("--session", "s", "-i", "Ida flag.png"))
    assert done.code == 0
    assert answers(done) == ["Arx", "8,336 square kilometres", "1,200 square kilometres"]
    assert "asked as: What is the area of Ida?" in done.err and chat_input.PROMPT not in done.out + done.err
    assert done.err.count("image_search ok") == 1
    assert "\x1b" not in done.out + done.err


def test_a_session_goes_on_in_another_process(talk: Talk, foveal: Any) -> None:
    assert answers(talk(CAPITAL, arguments=("--session", "s", "-i", "Ida flag.png"))) == ["Arx"]
    assert answers(talk("and its currency?")) == ["idal"]
    one = foveal("ask", "and Bel?", "--session", "s", "--json")
    told = json.loads(one.out)
    assert told["session"] == "s" and told["standalone_question"] == "What is the currency of Bel?"
    assert told["question"] == "and Bel?" and told["answer"].startswith("bell")


def test_json_is_one_object_a_line(talk: Talk) -> None:
    done = talk("What is the capital of Ida?", "and Bel?", "/plam", arguments=("--session", "s", "--json", "-q"))
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["schema"] for row in rows] == ["foveal.answer/1", "foveal.answer/1", "foveal.error/1"]
    assert done.code == 2


def test_commands_show_the_session(talk: Talk) -> None:
    done = talk(
        "/history", "/sources", "/plan", "/image", "/image Ida\\ flag.png", "/image", CAPITAL, "and its area?",
        "/plan", "/sources", "/history", "/help", "/quit", "What is the capital of Bel?",
    )  # fmt: skip
    out = done.out
    for words in ("Nothing was asked yet.", "Nothing was cited yet.", "No plan yet", "No pictures.",
                  "1. Ida flag.png (60 x 40), not asked about yet"):  # fmt: skip
        assert words in out
    assert "s1 [collection] What is the area of Ida?: answered = 8,336" in out and "version 1: created" in out
    assert "1. Ida (turn 1, 2)" in out and "   document ida" in out
    assert "2. and its area?\n   as: What is the area of Ida?\n   8,336 square kilometres" in out
    assert "/sources" in out and "Dun" not in out, "nothing is answered after /quit"


def test_undo_takes_the_turn_back(talk: Talk) -> None:
    done = talk(
        "What is the capital of Ida?", "and Bel?", "/undo", "and its area?", "/history", "/undo", "/undo", "/undo"
    )
    assert answers(done)[:3] == ["Arx", "Dun", "8,336 square kilometres"]
    assert "Taken back: and Bel?" in done.err and "and Bel?" not in done.out
    assert "nothing to take back" in done.err and done.code == 2


def test_save_keeps_the_last_answer(talk: Talk, tmp_path: Path) -> None:
    done = talk("/save kept", "What is the capital of Ida?", "/save 'kept here'", "/save")
    assert done.code == 2 and "no answer to keep" in done.err and "needs a folder" in done.err
    saved = tmp_path / "kept here"
    assert json.loads((saved / "answer.json").read_text("utf-8"))["answer"].startswith("Arx")
    assert "run.finished" in (saved / "trace.jsonl").read_text("utf-8")
    assert (saved / "report.md").read_text("utf-8").startswith("# What is the capital of Ida?")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/imge x.png", "Did you mean /image?"),
        ("/zzz", "/help lists the commands."),
        ("/image gone.png", "There is no picture gone.png"),
        ("/image http://example.org/a.png", "from an address is not supported"),
        ("/image text.png", "text.png"),
        ("???", "no words"),
    ],
)
def test_what_is_wrong_is_said_and_the_session_goes_on(talk: Talk, tmp_path: Path, line: str, words: str) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    done = talk(line, "What is the capital of Ida?")
    assert words in done.err and "Traceback" not in done.err
    assert answers(done) == ["Arx"] and done.code == 2


@pytest.mark.parametrize(
    "line",
    ["/image Ida flag.png", "/image 'Ida flag.png'", "/image \"Ida flag.png\"", r"/image Ida\ flag.png", "Ida flag.png",
     "'{here}/Ida flag.png' ", r"{here}/Ida\ flag.png", "file://{here}/Ida%20flag.png", "/image ~/Ida\\ flag.png"],
)  # fmt: skip
def test_paths_as_people_and_terminals_write_them(
    talk: Talk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    done = talk(line.format(here=tmp_path), "/image")
    assert "1. Ida flag.png (60 x 40)" in done.out, done.err


def test_an_apostrophe_in_a_name_is_no_quote(talk: Talk, tmp_path: Path) -> None:
    (tmp_path / "Ida's.png").write_bytes(flag("Ida"))
    assert "1. Ida's.png" in talk("/image Ida's.png", "/image").out


def test_image_clear_forgets_pictures_but_not_names(talk: Talk) -> None:
    done = talk("Ida flag.png", CAPITAL, "/image clear", "/image", "and its area?")
    assert "No pictures." in done.out and answers(done) == ["Arx", "8,336 square kilometres"]


def test_list_of_sessions(talk: Talk, foveal: Any) -> None:
    assert "No sessions" in foveal("chat", "--list").out
    talk("What is the capital of Ida?", "and Bel?")
    assert "and Bel?" in foveal("chat", "--list").out
    listed = json.loads(foveal("chat", "--list", "--json").out)
    row = listed["sessions"][0]
    assert (row["id"], row["turns"], row["last_question"]) == ("s", 2, "and Bel?")


def test_a_bad_session_name_is_known_before_anything_else(talk: Talk) -> None:
    done = talk("What is the capital of Ida?", arguments=("--session", "a b"))
    assert done.code == 2 and "name of a session" in done.err and done.out == ""


class Terminal(io.StringIO):
    """Standard input of a person."""

    def isatty(self) -> bool:
        return True


def test_at_a_terminal_the_way_back_is_told(world: Settings, foveal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("What is the capital of Ida?\n/nonsense\n"))
    done = foveal("chat", "--session", "s", "-q")
    assert done.code == 0 and answers(done) == ["Arx"]
    assert chat_input.PROMPT in done.err and "foveal chat --session s" in done.err


def test_row_54_ctrl_c_during_an_answer_cancels_that_answer_only(
    world: Settings, foveal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import signal

    from foveal.tools.index.collection import LocalCollection

    search, pressed = LocalCollection.search_text, []

    async def interrupted(self: Any, *args: Any, **named: Any) -> Any:
        if not pressed:
            pressed.append(1)
            signal.raise_signal(signal.SIGINT)
        return await search(self, *args, **named)

    monkeypatch.setattr(LocalCollection, "search_text", interrupted)
    monkeypatch.setattr(sys, "stdin", Terminal("What is the capital of Ida?\nWhat is the capital of Bel?\n/history\n"))
    done = foveal("chat", "--session", "s", "-q")
    assert "error: Interrupted." in done.err and "The session is as it was" in done.err
    assert answers(done)[:1] == ["Dun"] and "1. What is the capital of Bel?" in done.out


def test_ctrl_c_at_the_prompt_leaves(world: Settings, foveal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Pressed(Terminal):
        def readline(self, *args: Any) -> str:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", Pressed())
    done = foveal("chat", "--session", "s")
    assert done.code == 0 and "foveal chat --session s" in done.err
