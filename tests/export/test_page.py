"""The page of a run as HTML: complete in itself, safe with untrusted words, and readable without its script."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from foveal.errors import BadInput
from foveal.export.page import write_page
from foveal.export.thumbs import make_thumbs
from foveal.types import ImageRef

from .samples import SAMPLES, Sample, conflict, region_search

EVIL = '"><script>alert(1)</script><img src=http://evil.example/x onerror=alert(1)>\u202e\x1b\U000e0041{{ 7*7 }}'
VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """The tags of a page with their attributes, and the words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == [], f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def values(self, name: str) -> list[str]:
        return [value for _, attributes in self.tags if (value := attributes.get(name)) is not None]


def written(sample: Sample, folder: Path, **changes: Any) -> str:
    answer = changes.get("answer", sample.answer)
    run = changes.get("run", sample.run)
    events = changes.get("events", sample.events)
    out = write_page(run, events, sample.calls, answer, sample.picture, folder / "deep" / "page.html")
    return out.read_text("utf-8")


def everywhere(value: Any, words: str) -> Any:
    """*value* with *words* behind every text that is shown."""
    kept = {"id", "type", "status", "sha256", "image", "code", "kind", "evidence_id", "step", "sub_question", "run_id"}
    if isinstance(value, dict):
        return {k: v if k in kept or k.endswith("_ids") else everywhere(v, words) for k, v in value.items()}
    if isinstance(value, list):
        return [everywhere(v, words) for v in value]
    return value + words if isinstance(value, str) else value


@pytest.mark.parametrize("name", SAMPLES)
def test_a_page_is_whole_and_every_link_in_it_leads_somewhere(name: str, tmp_path: Path) -> None:
    page = Page(written(SAMPLES[name](), tmp_path))
    ids = Counter(page.values("id"))
    assert [i for i, n in ids.items() if n > 1] == []
    assert {h[1:] for h in page.values("href") if h.startswith("#")} <= set(ids)
    labelled = {w for value in page.values("aria-labelledby") for w in value.split()}
    assert labelled <= set(ids)


@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_is_loaded_from_elsewhere(name: str, tmp_path: Path) -> None:
    text = written(SAMPLES[name](), tmp_path)
    page = Page(text)
    assert not {"link", "img", "iframe", "object", "embed", "form", "base"} & {tag for tag, _ in page.tags}
    assert not page.values("src") and not page.values("style")
    for tag, attributes in page.tags:
        if tag in ("image", "use"):
            assert (attributes.get("href") or "").startswith(("data:image/jpeg;base64,", "#"))
    assert "@import" not in text and not re.search(r"url\((?!#)", text)


def test_the_policy_allows_only_what_the_page_holds(tmp_path: Path) -> None:
    text = written(conflict(), tmp_path)
    policy = next(a["content"] for t, a in Page(text).tags if a.get("http-equiv") == "Content-Security-Policy")
    rules = {part.split()[0]: part.split()[1:] for part in (policy or "").split("; ")}
    assert rules["default-src"] == ["'none'"] and rules["img-src"] == ["data:"]
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert rules[rule] == [f"'sha256-{base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()}'"]


@pytest.mark.parametrize("name", SAMPLES)
def test_row_44_words_of_documents_are_never_markup(name: str, tmp_path: Path) -> None:
    sample = SAMPLES[name]()
    plain = Page(written(sample, tmp_path))
    events = [replace(e, data=everywhere(dict(e.data), EVIL)) for e in sample.events]
    run = replace(sample.run, question=EVIL, config=everywhere(dict(sample.run.config), EVIL))
    text = written(sample, tmp_path, answer=everywhere(sample.answer, EVIL), events=events, run=run)
    page = Page(text)
    tags, expected = Counter(tag for tag, _ in page.tags), Counter(tag for tag, _ in plain.tags)
    assert set(tags) <= set(expected)
    assert all(tags[tag] == expected[tag] for tag in ("script", "style", "meta", "image", "article", "section", "h2"))
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert "49" not in page.text and "alert(1)" in page.text
    assert not {"\u202e", "\x1b", "\U000e0041"} & set(text)


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//x.example", "http:"]
)
def test_an_address_that_is_not_of_the_web_is_no_link(url: str, tmp_path: Path) -> None:
    sample = conflict()
    assert sample.answer is not None
    answer = {**sample.answer, "evidence": [{**e, "url": url} for e in sample.answer["evidence"]], "citations": []}
    page = Page(written(sample, tmp_path, answer=answer))
    assert all(h.startswith("#") for h in page.values("href")) and url in page.text


def test_row_76_what_a_resume_needs_is_not_in_the_page(tmp_path: Path) -> None:
    sample = conflict()
    run = replace(sample.run, settings={"openai_api_key": "sentinel-key-123"})
    assert "sentinel-key-123" not in written(sample, tmp_path, run=run)


def test_links_that_leave_tell_nothing_of_where_they_were(tmp_path: Path) -> None:
    leaving = [a for t, a in Page(written(conflict(), tmp_path)).tags if (a.get("href") or "").startswith("http")]
    assert leaving and all("noreferrer" in (a.get("rel") or "") for a in leaving)


@pytest.mark.parametrize("name", SAMPLES)
def test_headings_are_in_order_and_pictures_have_words(name: str, tmp_path: Path) -> None:
    page = Page(written(SAMPLES[name](), tmp_path))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(a.get("aria-label") for _, a in page.tags if a.get("role") in ("img", "region", "group"))


def test_the_page_tells_the_whole_story_of_a_conflict(tmp_path: Path) -> None:
    text = Page(written(conflict(), tmp_path)).text
    for words in (
        "Which is older, the Eph Tower or the Dun Bridge",
        "Answered, confidence 0.88",
        "Version 1 created",
        "Version 2 CONFLICT",
        "Sources disagree, at s1 : 1901 (Eph Tower) against 1911 (Eph Travel Guide)",
        "✓ chosen",
        "not chosen",
        "Two sources that do not depend on each other say 1901",
        "finished in 1911 <b>after</b> a long strike.",
        "6 of 60",
        "2,560 of 60,000",
        "models.planner",
    ):
        assert words in text, words


def test_the_answering_span_is_marked_in_what_answers(tmp_path: Path) -> None:
    text = written(region_search(), tmp_path)
    assert "It was built by <mark>Bo Ek</mark> in 1901." in text


def test_boxes_of_regions_lie_over_the_picture(tmp_path: Path) -> None:
    page = Page(written(region_search(), tmp_path))
    boxes = [a for t, a in page.tags if t == "rect" and a.get("x") == "120" and a.get("width") == "160"]
    assert boxes and all((b.get("y"), b.get("height")) == ("20", "430") for b in boxes)


def test_status_is_told_by_a_mark_and_words_and_not_by_colour_alone(tmp_path: Path) -> None:
    page = Page(written(region_search(), tmp_path))
    nodes = [a["aria-label"] or "" for t, a in page.tags if a.get("class") == "in-node"]
    assert "s1, no answer found: What is the tower in the picture?" in nodes
    assert any(n.startswith("s2, answered: ") for n in nodes)


def test_a_run_without_an_end_has_a_page_too(tmp_path: Path) -> None:
    sample = conflict()
    run = replace(sample.run, status="interrupted", finished_at=None)
    text = Page(written(sample, tmp_path, answer=None, run=run, events=sample.events[:8])).text
    assert "Interrupted" in text and "There is no answer yet" in text
    assert "Interrupted" in Page(written(sample, tmp_path, answer=None, run=run, events=[])).text


def test_a_picture_that_is_gone_or_damaged_is_told(tmp_path: Path) -> None:
    sample = region_search()
    for lost in (None, b"not a picture", next(iter(sample.pictures.values()))[:200]):
        out = write_page(
            sample.run, sample.events, sample.calls, sample.answer, lambda _, b=lost: b, tmp_path / "p.html"
        )
        page = Page(out.read_text("utf-8"))
        assert "The picture is no longer kept." in page.text
        assert "image" not in [tag for tag, _ in page.tags]


def test_a_page_stays_below_three_megabytes(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (900, 1200, 3), dtype=np.uint8)
    pictures = {}
    for n in range(12):
        data = io.BytesIO()
        Image.fromarray(np.roll(noise, n * 40, axis=0)).save(data, "JPEG")
        pictures[f"{n:064x}"] = data.getvalue()
    sample = conflict()
    assert sample.answer is not None
    first = sample.answer["evidence"][0]
    evidence = [
        {**first, "id": f"x{n}", "image": f"{n % 12:064x}", "quote": "word " * 2000, "sub_question": f"s{n % 4 + 1}"}
        for n in range(120)
    ]
    run = replace(sample.run, images=tuple(ImageRef(sha, 1200, 900) for sha in pictures))
    out = write_page(
        run, sample.events, sample.calls, {**sample.answer, "evidence": evidence}, pictures.get, tmp_path / "p"
    )
    assert 500_000 < out.stat().st_size < 3_000_000
    thumbs = make_thumbs(((sha, 480) for sha in pictures), pictures.get)
    for thumb in thumbs.values():
        small = Image.open(io.BytesIO(base64.b64decode(thumb.data.split(",")[1])))
        assert max(small.size) <= 480 and small.format == "JPEG" and (thumb.width, thumb.height) == (1200, 900)


def test_pictures_are_left_out_when_there_is_no_more_room() -> None:
    sample = region_search()
    wanted = [(sha, 480) for sha in sample.pictures]
    whole = make_thumbs(wanted, sample.picture)
    first = len(next(iter(whole.values())).data)
    assert list(make_thumbs(wanted, sample.picture, room=first)) == [wanted[0][0]]


def test_a_page_that_cannot_be_written_is_the_callers_matter(tmp_path: Path) -> None:
    sample = conflict()
    (tmp_path / "file").write_text("kept")
    for out in (tmp_path, tmp_path / "file" / "page.html"):
        with pytest.raises(BadInput) as caught:
            write_page(sample.run, sample.events, sample.calls, sample.answer, sample.picture, out)
        assert caught.value.remedy
    assert (tmp_path / "file").read_text() == "kept"


def test_the_same_run_gives_the_same_page(tmp_path: Path) -> None:
    assert written(conflict(), tmp_path / "a") == written(conflict(), tmp_path / "b")


def test_samples_are_what_the_store_gives_back() -> None:
    for make in SAMPLES.values():
        sample = make()
        assert json.loads(json.dumps(sample.answer)) == sample.answer
