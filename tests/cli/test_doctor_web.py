"""What ``foveal doctor`` says of the web."""

from __future__ import annotations

from pathlib import Path

from fakes.service import Reply, Service

from foveal.doctor import _tried, _web
from foveal.runtime import Tools
from foveal.settings import Settings


async def test_a_web_that_answers_and_one_that_does_not(tmp_path: Path) -> None:
    with Service(lambda request: Reply({"results": [{"url": "https://tower.test/"}]})) as service:
        settings = Settings(web="searxng", searxng_url=service.url, home=tmp_path, cache=tmp_path)
        part, works, detail, remedy = await _tried("web", _web, Tools(settings))
    assert (part, works, remedy) == ("web", True, "")
    assert detail.startswith("searxng found 1 pages")
    other = settings.model_copy(update={"searxng_url": "http://127.0.0.1:9", "cache": tmp_path / "other"})
    _, works, detail, remedy = await _tried("web", _web, Tools(other))
    assert not works and "No SearXNG answers" in detail and "zim:FILE" in remedy
