"""The page as text: nothing from outside becomes markup, nothing is loaded, and it is the same twice."""

from __future__ import annotations

import io
import json
import re
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from evaluation.report.samples import CITIES, three_runs, write_questions, write_run
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from foveal.errors import BadInput
from foveal.evaluation.questions import load_questions
from foveal.evaluation.report import load_runs, write_report
from foveal.evaluation.report.page import _in_script
from foveal.evaluation.report.pictures import SIDE, make_album


class Parsed(HTMLParser):
    """Elements with their attributes, and the text in scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._in_script = tag == "script"
        if self._in_script:
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts[-1] += data

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    path, folders = three_runs(folder)
    questions = load_questions(path)
    written = write_report(questions, load_runs(questions, folders), folder / "new" / "r.html", name="q.jsonl")
    text = written.path.read_text("utf-8")
    assert written.bytes == len(text.encode()) and 0 < written.traces < written.bytes and written.questions == 8
    return text


def test_words_from_outside_stay_words(page: str) -> None:
    parsed = Parsed(page)
    scripts = [attributes for tag, attributes in parsed.elements if tag == "script"]
    assert len(scripts) == 2 + 8 + 1, "the data, the pictures, a trace a question, and the one script"
    assert [one.get("type") for one in scripts].count(None) == 1
    assert "window.ran" not in parsed.scripts[-1] and "\u202e" not in page
    data = json.loads(parsed.scripts[0])
    assert "</script>" in data["questions"][1]["question"], "what was asked is shown as it was"
    assert not any(key.startswith("on") or key == "style" for _, attributes in parsed.elements for key in attributes)


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_data_in_a_script_ends_no_script_and_comes_back(value: Any) -> None:
    text = _in_script(value)
    assert not set(text) & set("<>&\u2028\u2029") and json.loads(text) == value


def test_nothing_is_loaded_and_no_link_leads_out(page: str) -> None:
    parsed = Parsed(page)
    for tag, attributes in parsed.elements:
        assert not attributes.get("src") and tag not in ("link", "iframe", "object", "embed", "base")
        assert (attributes.get("href") or "#").startswith("#")
    policy = next(a["content"] or "" for tag, a in parsed.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-") and "unsafe" not in policy
    assert "/home/" not in page and "secret" not in page


def test_tables_and_plots_say_what_they_are(page: str) -> None:
    parsed = Parsed(page)
    heads = [attributes for tag, attributes in parsed.elements if tag == "th"]
    assert heads and all(attributes.get("scope") for attributes in heads)
    assert page.count("<caption") == page.count("<table") and 'lang="en"' in page
    drawn = [a for tag, a in parsed.elements if tag == "svg" and a.get("role") == "img"]
    assert len(drawn) == 4 + 3 + 1 and all(a.get("aria-label") or a.get("aria-describedby") for a in drawn)
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in parsed.elements:
        for name in ("aria-labelledby", "aria-describedby"):
            assert attributes.get(name) is None or attributes[name] in ids
        if (target := attributes.get("href")) is not None:
            assert target.removeprefix("#") in ids


def test_the_same_runs_make_the_same_page(page: str, tmp_path: Path) -> None:
    path, folders = three_runs(tmp_path)
    questions = load_questions(path)
    again = write_report(questions, load_runs(questions, folders), tmp_path / "r.html", name="q.jsonl")
    assert again.path.read_text("utf-8") == page
    assert "2026-02-03 04:15 UTC" in page


def test_one_run_without_traces_or_record_has_a_page(tmp_path: Path) -> None:
    questions = load_questions(write_questions(tmp_path / "q"))
    file = tmp_path / "p.jsonl"
    file.write_text(json.dumps({"id": f"q/0 {CITIES[0]}", "answer": CITIES[0]}) + "\n")
    done = write_report(questions, load_runs(questions, [file]), tmp_path / "r.html", pictures=False)
    text = done.path.read_text("utf-8")
    assert (
        done.pictures == 0
        and "1 run on 1 question<" in text
        and "Not beaten at" not in text
        and "Difference" not in text
    )


def test_own_measures_of_a_data_set_have_their_table(tmp_path: Path) -> None:
    questions = load_questions(write_questions(tmp_path / "q", measured=True))
    runs = load_runs(questions, [write_run(tmp_path / "run", [1, 3])])
    text = write_report(questions, runs, tmp_path / "r.html").path.read_text("utf-8")
    table = text[text.index("own measures by run") :].partition("</table>")[0]
    assert "exact match" in table and "<b>75.0</b>" in table, "6 of 8"


def test_pictures_are_small_new_and_each_once(tmp_path: Path) -> None:
    path = write_questions(tmp_path / "q")
    exif = Image.Exif()
    exif[0x010E] = "SECRET PLACE"
    Image.new("RGB", (2000, 900), "red").save(tmp_path / "q" / "0.png", exif=exif)
    (tmp_path / "q" / "2.png").write_bytes(b"no picture")
    (tmp_path / "q" / "4.png").unlink()
    album = make_album(load_questions(path).questions)
    assert len(album.data) == 2 and album.left == 2 and f"q/2 {CITIES[2]}" not in album.of
    data = b64decode(album.data[album.of[f"q/0 {CITIES[0]}"][0]].split(",")[1])
    with Image.open(io.BytesIO(data)) as small:
        assert small.size == (SIDE, 144) and not small.getexif()
    assert b"SECRET" not in data
    room = max(map(len, album.data.values()))
    assert len(make_album(load_questions(path).questions, room=room).data) == 1


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    questions = load_questions(write_questions(tmp_path / "q"))
    runs = load_runs(questions, [write_run(tmp_path / "run")])
    with pytest.raises(BadInput, match="is a folder"):
        write_report(questions, runs, tmp_path)
    with pytest.raises(BadInput, match="cannot be written"):
        write_report(questions, runs, tmp_path / "q" / "questions.jsonl" / "r.html")


def test_many_runs_share_a_pack_and_stay_small(tmp_path: Path) -> None:
    questions = load_questions(write_questions(tmp_path / "q"))
    one = load_runs(questions, [write_run(tmp_path / "runs" / "00")])
    for n in range(1, 17):
        write_run(tmp_path / "runs" / f"{n:02}", [n % 8], calls=n)
    few = write_report(questions, one, tmp_path / "1.html")
    all17 = write_report(questions, load_runs(questions, [tmp_path / "runs"]), tmp_path / "17.html")
    assert all17.traces < 4 * few.traces, "what runs have in common is kept once"
    text = all17.path.read_text("utf-8")
    assert len(re.findall(r'class="name t\d"', text)) == 3 * 17 + 17
