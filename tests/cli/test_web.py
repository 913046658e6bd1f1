"""``foveal web``: its words, its JSON and its exit codes, over an archive made at test time."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from fakes.zims import COUNT, make_zim, path_of

from foveal.cli import seams
from foveal.types import ToolOutcome

WIKI = "https://en.wikipedia.org/wiki/"


@pytest.fixture(scope="module")
def towers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_zim(tmp_path_factory.mktemp("zim") / "towers.zim")


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FOVEAL_HOME", str(tmp_path / "home"))


def test_search(foveal: Any, towers: Path) -> None:
    done = foveal("web", "search", "When was the Falcon Tower finished?", "--web", f"zim:{towers}", "-k", 2)
    assert done.code == 0 and done.out.splitlines()[0] == " 1  Falcon Tower"
    assert f"{WIKI}Falcon_Tower" in done.out and "1705" in done.out and "results from zim" in done.out
    shown = json.loads(foveal("web", "search", "Falcon", "--web", f"zim:{towers}", "--kind", "images", "--json").out)
    assert shown["schema"] == "foveal.web/1" and shown["status"] == "ok"
    assert shown["items"][0]["image"] == "https://en.wikipedia.org/I/tower_5.png"
    nothing = foveal("web", "search", "Zubrowka", "--web", f"zim:{towers}")
    assert nothing.code == 0 and nothing.out == "Nothing was found.\n"


def test_read(foveal: Any, towers: Path) -> None:
    done = foveal("web", "read", f"{WIKI}Falcon_Tower", "--web", f"zim:{towers}")
    assert done.code == 0 and done.out.splitlines()[:2] == ["Falcon Tower", f"{WIKI}Falcon_Tower"]
    assert "finished in 1705" in done.out and "picture: Falcon Tower seen from the market" in done.out
    assert "from the archive" in done.err
    page = json.loads(foveal("web", "read", f"{WIKI}Falcon_Tower", "--web", f"zim:{towers}", "--json").out)
    assert page["schema"] == "foveal.page/1" and page["retrieved_at"] == "2024-05-01"


def test_read_for_a_question(foveal: Any, towers: Path) -> None:
    arguments = (
        "web",
        "read",
        f"{WIKI}Falcon_Tower",
        "--web",
        f"zim:{towers}",
        "--question",
        "How tall is it in metres?",
    )
    page = json.loads(foveal(*arguments, "--json").out)
    assert any("45 metres" in hit["text"] for hit in page["passages"])
    assert all(page["text"][hit["start"] : hit["end"]] == hit["text"] for hit in page["passages"])
    shown = foveal(*arguments).out
    assert "45 metres" in shown and "- picture:" not in shown


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["search", "x"], 2, "The web is off."),
        (["search", "x", "--web", "zim:gone.zim"], 2, "There is no file gone.zim."),
        (["search", "x", "--web", "bing"], 2, "choose off, or from"),
        (["search", "x", "--web", "zim:TOWERS", "--kind", "videos"], 2, "text, images or news"),
        (["search", "x", "--web", "zim:TOWERS", "--since", "ever"], 2, "day, week, month or year"),
        (["read", f"{WIKI}Nowhere", "--web", "zim:TOWERS"], 4, "not in the archive"),
        (["freeze", "in.txt", "--out", "x.zip", "--web", "zim:TOWERS"], 2, "ends in .zim"),
        (["freeze", "in.txt", "--out", "x.zim", "--web", "zim:TOWERS"], 2, "in.txt cannot be read"),
        (["freeze", "ok.txt", "--out", "x.zim"], 2, "The web is off."),
    ],
)
def test_wrong_use_is_told(foveal: Any, towers: Path, arguments: list[str], code: int, words: str) -> None:
    Path("ok.txt").write_text("falcon tower")
    done = foveal("web", *(word.replace("TOWERS", str(towers)) for word in arguments))
    assert not list(Path().glob("*.part"))
    assert done.code == code and words in done.err and done.out == ""


@pytest.mark.parametrize(("status", "code"), [("error", 4), ("timeout", 4), ("throttled", 4), ("blocked", 3)])
def test_a_web_that_does_not_answer(foveal: Any, monkeypatch: pytest.MonkeyPatch, status: Any, code: int) -> None:
    class Silent:
        async def search(self, query: Any) -> ToolOutcome:
            return ToolOutcome(status, error="ddgs: No network: none of its engines can be reached.")

        async def aclose(self) -> None: ...

    monkeypatch.setattr(seams, "make_web", lambda settings: Silent())
    done = foveal("web", "search", "x", "--web", "ddgs")
    assert done.code == code and "error: ddgs: No network" in done.err
    assert ("--web zim:FILE" in done.err) == (status == "error")


def test_freeze_and_ask_the_file(foveal: Any, towers: Path, tmp_path: Path) -> None:
    questions = tmp_path / "q.jsonl"
    questions.write_text('{"question": "How tall is the Garnet Tower?"}\n' + f"{WIKI}Nowhere\n")
    arguments = ("web", "freeze", questions, "--out", "frozen.zim", "--web", f"zim:{towers}", "--depth", 1)
    done = foveal(*arguments)
    assert done.code == 0 and done.out.startswith("frozen.zim: 2 searches, 1 pages, 1 pictures"), "asked in two ways"
    assert f"not in it: {WIKI}Nowhere" in done.err and "the work of others" in done.err
    assert "46 metres" in foveal("web", "search", "Garnet", "--web", "zim:frozen.zim").out
    miss = foveal("web", "search", "Amber Tower", "--web", "replay:frozen.zim")
    assert miss.code == 3 and "no search for 'Amber Tower'" in miss.err
    assert foveal(*arguments).code == 2
    again = foveal(*arguments, "--force", "--json")
    report = json.loads(again.out)
    assert report["schema"] == "foveal.freeze/1" and report["sha256"] in done.out and len(report["failed"]) == 1


def test_freezing_is_killed_and_goes_on(foveal: Any, towers: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("".join(f"{WIKI}{path_of(number)}\n" for number in range(COUNT)))
    arguments = ["web", "freeze", "in.txt", "--out", "x.zim", "--web", f"zim:{towers}", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "foveal", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path
    )
    journal = tmp_path / "x.zim.part" / "journal.jsonl"
    end = time.monotonic() + 60
    while time.monotonic() < end and not (journal.exists() and journal.read_bytes().count(b"\n") >= 4):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    assert not (tmp_path / "x.zim").exists()
    report = json.loads(foveal(*arguments).out)
    assert report["again"] >= 4 and (report["pages"], report["pictures"], report["failed"]) == (COUNT, COUNT, [])
    whole = json.loads(foveal(*arguments, "--force").out)
    assert whole["again"] == 0 and whole["sha256"] == report["sha256"]


def test_help_loads_no_archive_library(tmp_path: Path) -> None:
    code = (
        "import sys; from foveal.cli.app import run; run(['web', 'freeze', '--help']); "
        "print(sorted({'libzim', 'ddgs', 'trafilatura', 'httpx2', 'lxml', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "[]" and "--depth" in done.stdout
