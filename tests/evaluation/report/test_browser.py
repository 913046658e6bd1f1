"""The report in a real browser: it asks for nothing, runs nothing from outside, and its list and traces work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from evaluation.report.samples import CITIES, three_runs

from foveal.evaluation.questions import load_questions
from foveal.evaluation.report import load_runs, write_report

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    path, folders = three_runs(folder)
    questions = load_questions(path)
    return write_report(questions, load_runs(questions, folders), folder / "r.html", name="q.jsonl").path


class Opened:
    """A page, what it asked for, and what it complained about."""

    def __init__(self, browser: Any, file: Path, at: str = "", **options: Any) -> None:
        self.page = browser.new_context(**options).new_page()
        self.asked: list[str] = []
        self.said: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.goto(file.as_uri() + at)

    def quiet(self) -> bool:
        left = [url for url in self.asked if not url.startswith(("file:", "data:"))]
        return left == [] and self.said == [] and self.page.evaluate("window.ran") is None

    def rows(self) -> int:
        return int(self.page.locator("#list tbody tr").count())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_no_request_leaves_and_no_error_is_told(browser: Any, file: Path, width: int, scheme: str) -> None:
    opened = Opened(browser, file, viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = opened.page
    for n in range(8):
        page.locator(".open").nth(n).click()
        page.wait_for_selector("dialog[open] .side")
        assert page.evaluate("document.getElementById('trace').scrollWidth") <= width
        page.keyboard.press("Escape")
    assert opened.quiet()
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page itself never scrolls sideways"
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 26)"
    assert dark is (scheme == "dark")
    assert page.evaluate("[...document.querySelectorAll('#list img')].every(i => i.complete && i.naturalWidth)")


def test_the_list_is_filtered_searched_and_ordered(browser: Any, file: Path) -> None:
    opened = Opened(browser, file)
    page = opened.page
    assert opened.rows() == 8 and page.locator("#count").inner_text() == "8 of 8 questions"
    page.select_option("#run", "0")
    page.select_option("#result", "wrong")
    assert opened.rows() == 2
    page.select_option("#result", "wrongly answered")
    assert opened.rows() == 1
    page.click("#clear")
    page.select_option("#result", "split")
    assert opened.rows() == 5
    page.click("#clear")
    page.select_option("#category", "seen")
    assert opened.rows() == 4
    page.fill("#words", "hanoi")
    assert opened.rows() == 1 and CITIES[4] in page.locator("#list tbody tr").first.inner_text()
    page.click("#clear")
    page.select_option("#order", "wrong")
    assert [page.locator("#list tbody tr").nth(n).locator(".chip.right").count() for n in range(2)] == [0, 0]
    page.click("#clear")
    page.locator("#categories tbody tr").nth(1).locator("a").first.click()
    assert opened.rows() == 4 and page.evaluate("document.getElementById('run').value") == "1"
    assert opened.quiet()


def test_a_trace_opens_with_its_runs_side_by_side_and_every_citation_leads_to_evidence(
    browser: Any, file: Path
) -> None:
    opened = Opened(browser, file, viewport={"width": 1400, "height": 900})
    page = opened.page
    page.locator(".open").nth(1).click()
    page.wait_for_selector("dialog[open] .side")
    assert page.locator(".side").count() == 3
    text = page.locator(".side").nth(1).inner_text()
    assert (
        "wrong: read but wrong" in text and "Atlantis" in text and "EMPTY" in text and "The picture is small." in text
    )
    assert "Which?: A / B → A" in text and "</script>" in text
    links = page.locator("dialog a[href^='#']")
    assert links.count() >= 3 * 3
    for n in range(links.count()):
        target = links.nth(n).get_attribute("href")[1:]
        assert page.locator(f"[id='{target}']").count() == 1
    page.locator(".side").nth(0).locator(".cite").click()
    assert page.evaluate("document.activeElement.id") == "run-0-source-1"
    page.locator("[id='run-0-source-1'] .plain").click()
    assert page.evaluate("document.activeElement.id") == "run-0-evidence-s1e1"
    assert page.locator("[id='run-0-evidence-s1e1']").is_visible(), "what it was folded into has been opened"
    assert page.locator("dialog a[href^='javascript']").count() == 0
    page.locator(".picker button").nth(1).click()
    page.locator(".picker button[aria-pressed=false]").wait_for()
    assert page.locator(".side").count() == 2
    assert opened.quiet()


def test_links_of_evidence_are_web_addresses_that_tell_nothing(browser: Any, file: Path) -> None:
    page = Opened(browser, file).page
    page.locator(".open").nth(0).click()
    page.wait_for_selector("dialog[open] .side")
    link = page.locator("dialog a[href^='http']").first
    assert link.get_attribute("href") == "https://example.org/x?a=1&b=%3C2%3E"
    assert "noopener" in link.get_attribute("rel") and "noreferrer" in link.get_attribute("rel")


def test_the_keyboard_does_it_all(browser: Any, file: Path) -> None:
    page = Opened(browser, file).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the questions"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "words"
    page.locator(".open").nth(2).press("Enter")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("ArrowRight")
    page.locator(".trace-head", has_text="4 of 8").wait_for()
    page.keyboard.press("ArrowLeft")
    page.locator(".trace-head", has_text="3 of 8").wait_for()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.dataset.at") == "2", "back where one was"


def test_an_address_opens_a_question(browser: Any, file: Path) -> None:
    opened = Opened(browser, file, "#question=q%2F5%20Lom%C3%A9")
    opened.page.wait_for_selector("dialog[open] .side")
    assert "q/5 Lomé" in opened.page.locator(".trace-head").inner_text()
    opened.page.keyboard.press("Escape")
    assert "#" not in opened.page.evaluate("location.href")
    assert Opened(browser, file, "#question=%E0%A4%A").quiet()


def test_printed_it_is_all_on_paper_and_without_scripts_the_tables_stand(browser: Any, file: Path) -> None:
    page = Opened(browser, file).page
    page.emulate_media(media="print")
    assert not page.locator("#filters").is_visible() and page.pdf().startswith(b"%PDF")
    still = Opened(browser, file, java_script_enabled=False)
    assert still.page.locator("#overall tbody tr").count() == 3 and still.page.locator("noscript").is_visible()
    assert still.said == []


def test_what_is_put_into_the_page_from_outside_is_stopped(browser: Any, file: Path) -> None:
    page = Opened(browser, file).page
    blocked = page.evaluate(
        """() => { const evil = '<img src="http://127.0.0.1:9/x" onerror="window.ran = 1">';
                   document.body.insertAdjacentHTML('beforeend', evil);
                   return new Promise(done => document.addEventListener('securitypolicyviolation',
                       event => done(event.violatedDirective))) }"""
    )
    assert blocked.startswith("img-src") and page.evaluate("window.ran") is None
