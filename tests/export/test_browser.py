"""The page in a real browser: nothing is asked for, nothing is complained about, and the keyboard reaches it all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foveal.export.page import write_page

from .samples import SAMPLES

pytestmark = pytest.mark.slow


def opened(browser: Any, name: str, folder: Path, **options: Any) -> tuple[Any, list[str], list[str]]:
    """The page of a sample, and what it asked for and complained about."""
    sample = SAMPLES[name]()
    out = write_page(sample.run, sample.events, sample.calls, sample.answer, sample.picture, folder / f"{name}.html")
    page = browser.new_context(**options).new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(out.as_uri())
    asked.remove(out.as_uri())
    return page, [url for url in asked if not url.startswith("data:")], said


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
@pytest.mark.parametrize("name", SAMPLES)
def test_no_request_leaves_and_no_error_is_told(
    browser: Any, name: str, width: int, scheme: str, tmp_path: Path
) -> None:
    size = {"width": width, "height": 800}
    page, asked, said = opened(browser, name, tmp_path, viewport=size, color_scheme=scheme)
    page.mouse.wheel(0, 5000)
    assert asked == [] and said == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page itself never scrolls sideways"
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 26)"
    assert dark is (scheme == "dark")


def test_pictures_are_really_drawn(browser: Any, tmp_path: Path) -> None:
    page, _, _ = opened(browser, "region_search", tmp_path)
    drawn = page.evaluate(
        """async () => Promise.all([...document.querySelectorAll('defs image')].map(async image => {
            const copy = new Image(); copy.src = image.getAttribute('href'); await copy.decode();
            return copy.naturalWidth }))"""
    )
    assert drawn == [480, 171, 240]
    box = page.locator(".framed").bounding_box()
    assert box["width"] > 200 and abs(box["width"] / box["height"] - 1.5) < 0.02


def test_versions_are_picked_with_the_keyboard(browser: Any, tmp_path: Path) -> None:
    page, _, _ = opened(browser, "conflict", tmp_path)
    assert [v.is_visible() for v in page.locator(".version").all()] == [False, True]
    page.get_by_role("button", name="2 CONFLICT").focus()
    page.keyboard.press("ArrowLeft")
    assert [v.is_visible() for v in page.locator(".version").all()] == [True, False]
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator("button[aria-pressed=true]").inner_text() in ("1 created", "2 CONFLICT")


def test_without_its_script_all_versions_stand_below_another(browser: Any, tmp_path: Path) -> None:
    page, _, said = opened(browser, "conflict", tmp_path, java_script_enabled=False)
    places = [v.bounding_box() for v in page.locator(".version").all()]
    assert len(places) == 2 and places[0]["y"] + places[0]["height"] <= places[1]["y"]
    assert page.locator("button").count() == 0 and said == []


def test_printed_every_version_is_on_paper(browser: Any, tmp_path: Path) -> None:
    page, _, _ = opened(browser, "conflict", tmp_path)
    page.emulate_media(media="print")
    assert all(v.is_visible() for v in page.locator(".version").all())
    assert not page.locator(".versions-picker").is_visible()
    assert page.pdf().startswith(b"%PDF")


def test_the_keyboard_goes_from_the_answer_to_its_source_and_back(browser: Any, tmp_path: Path) -> None:
    page, _, _ = opened(browser, "conflict", tmp_path)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the answer"
    page.locator("#cited-2").press("Enter")
    assert page.evaluate("location.hash") == "#source-2"
    page.locator("#source-2 .number").press("Enter")
    assert page.evaluate("location.hash") == "#cited-2"


def test_words_of_documents_do_not_run(browser: Any, tmp_path: Path) -> None:
    page, asked, _ = opened(browser, "conflict", tmp_path)
    blocked = page.evaluate(
        """() => { const evil = '<img src="http://127.0.0.1:9/x" onerror="window.ran = 1">';
                   document.body.insertAdjacentHTML('beforeend', evil);
                   return new Promise(done => document.addEventListener('securitypolicyviolation',
                       event => done(event.violatedDirective))) }"""
    )
    assert blocked.startswith("img-src") and page.evaluate("window.ran") is None
    assert asked == []
