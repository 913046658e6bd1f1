"""``foveal index``: its words, its JSON and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foveal.cli import seams
from foveal.errors import StorageFull
from foveal.tools.index.report import IngestReport, Stats, VerifyReport


class FakeCollection:
    """Stands in for LocalCollection."""

    def __init__(self) -> None:
        self.report = IngestReport(added=2, docs=2, pictures=1, seconds=2.0, embedding={"text": 0.5, "eye": 0.5})
        self.problems: tuple[str, ...] = ()
        self.calls: list[Any] = []
        self.error: Exception | None = None

    def add(self, paths: Any, *, ocr: str, progress: Any, cancel: Any) -> IngestReport:
        self.calls.append(("add", list(paths), ocr))
        progress(1, 2, "reading")
        if self.error:
            raise self.error
        return self.report

    def verify(self) -> VerifyReport:
        return VerifyReport(2, 3, 1, 4, self.problems)

    def rebuild(self) -> int:
        return 4

    def stats(self) -> Stats:
        return Stats(2, 3, {"picture": 1}, 2, {"text_embedder": "minilm"}, 1_000_000)

    def remove(self, names: list[str]) -> int:
        self.calls.append(("rm", names))
        return len(names)

    def close(self) -> None:
        self.calls.append("close")


@pytest.fixture
def collection(monkeypatch: pytest.MonkeyPatch) -> FakeCollection:
    fake = FakeCollection()
    monkeypatch.setattr(seams, "create_collection", lambda folder, settings: fake)
    monkeypatch.setattr(seams, "open_collection", lambda folder: fake)
    return fake


def test_add_tells_what_was_done(foveal: Any, collection: FakeCollection) -> None:
    collection.report.failed.append(("a.pdf", "it is encrypted"))
    done = foveal("index", "add", "a", "b", "--index", "x")
    assert done.code == 0
    assert "added 2" in done.out and "1.0 documents a second, 50% of the time in the models" in done.out
    assert "failed: a.pdf: it is encrypted" in done.err
    assert collection.calls == [("add", [Path("a"), Path("b")], "auto"), "close"]


def test_add_in_json(foveal: Any, collection: FakeCollection) -> None:
    shown = json.loads(foveal("index", "add", "a", "--index", "x", "--json").out)
    assert shown["schema"] == "foveal.index/1"
    assert (shown["added"], shown["seconds_in_embedders"]) == (2, 1.0)


def test_add_of_nothing_but_failures_is_the_callers_fault(foveal: Any, collection: FakeCollection) -> None:
    collection.report = IngestReport(failed=[("a", "there is no such file")])
    assert foveal("index", "add", "a", "--index", "x").code == 2


def test_ocr_can_be_left_out(foveal: Any, collection: FakeCollection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOVEAL_OCR", "false")
    foveal("index", "add", "a", "--index", "x")
    assert collection.calls[0] == ("add", [Path("a")], "never")


def test_full_disk_keeps_what_was_finished(foveal: Any, collection: FakeCollection) -> None:
    collection.error = StorageFull("The disk is full: not everything could be added.")
    done = foveal("index", "add", "a", "--index", "x")
    assert done.code == 4
    assert "The disk is full" in done.err and "what was finished is kept" in done.err
    assert collection.calls[-1] == "close"


def test_the_other_commands(foveal: Any, collection: FakeCollection) -> None:
    assert "whole" in foveal("index", "verify", "--index", "x").out
    assert "4 vectors" in foveal("index", "rebuild", "--index", "x").out
    assert "documents  2" in foveal("index", "stats", "--index", "x").out
    assert "removed 2" in foveal("index", "rm", "a", "b", "--index", "x").out
    for command in (["verify"], ["rebuild"], ["stats"], ["rm", "a"]):
        shown = json.loads(foveal("index", *command, "--index", "x", "--json").out)
        assert shown["action"] == command[0]


def test_verify_fails_when_something_is_wrong(foveal: Any, collection: FakeCollection) -> None:
    collection.problems = ("1 vector is missing",)
    done = foveal("index", "verify", "--index", "x")
    assert done.code == 4
    assert "- 1 vector is missing" in done.out and "index rebuild --index x" in done.err


def test_a_collection_must_be_named(foveal: Any) -> None:
    for command in (["add", "a"], ["verify"], ["rebuild"], ["stats"], ["rm", "a"]):
        done = foveal("index", *command)
        assert done.code == 2 and "--index DIR" in done.err


def test_missing_collection(foveal: Any, tmp_path: Path) -> None:
    for command in (["verify"], ["rebuild"], ["stats"], ["rm", "a"]):
        done = foveal("index", *command, "--index", tmp_path / "none")
        assert done.code == 2, command
        assert not (tmp_path / "none").exists()
