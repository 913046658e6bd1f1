"""``searxng`` against a real searx server (Debian's package) on loopback, whose engine is a service of ours."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from fakes.service import Reply, Request, Service

from foveal.tools.fetch.fetcher import Fetcher
from foveal.tools.fetch.policy import Policy
from foveal.tools.search.searxng import SearxngBackend
from foveal.types import WebQuery

EXAMPLE = Path("/usr/share/doc/searx/examples/settings.yml")
PAGES = [
    {"link": "http://tower.test/a?utm_source=x", "name": "The tall tower", "text": "It is <b>93</b> metres tall."},
    {"link": "http://bridge.test/", "name": "The long bridge", "text": "It is long."},
]

pytestmark = pytest.mark.skipif(
    shutil.which("searx-run") is None or not EXAMPLE.exists(), reason="Debian's package searx is not installed"
)


def search(request: Request) -> Reply:
    """A search service: the pages whose title has a word of the query; "broken" breaks it."""
    words = request.query.get("q", "").split()
    if "broken" in words:
        return Reply("no", 500)
    return Reply({"found": [page for page in PAGES if any(word in page["name"] for word in words)]})


@pytest.fixture(scope="module")
def searx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running searx server."""
    with socket.socket() as free, Service(search) as service:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        settings = yaml.safe_load(EXAMPLE.read_text("utf-8"))
        settings["server"].update(port=port, secret_key="for this test", bind_address="127.0.0.1")
        settings["search"]["formats"] = ["html", "json"]
        settings["outgoing"]["request_timeout"] = 3.0
        settings["engines"] = [
            {
                "name": "ours", "engine": "json_engine", "shortcut": "o", "categories": "general", "enable_http": True,
                "search_url": service.url + "/search?q={query}", "results_query": "found", "url_query": "link",
                "title_query": "name", "content_query": "text", "content_html_to_text": True,
            },
        ]  # fmt: skip
        folder = tmp_path_factory.mktemp("searx")
        path = folder / "settings.yml"
        path.write_text(yaml.safe_dump(settings), "utf-8")
        with (folder / "log").open("w") as log:
            server = subprocess.Popen(
                ["searx-run"],
                env={**os.environ, "SEARX_SETTINGS_PATH": str(path), "PYTHONPATH": ""},
                cwd=folder,
                stdout=log,
                stderr=log,
            )
            try:
                _wait_for(server, port, folder / "log")
                yield f"http://127.0.0.1:{port}"
            finally:
                server.terminate()
                server.wait(10)


def _wait_for(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + 40
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"searx did not come up: {log.read_text()}")


def backend(url: str) -> SearxngBackend:
    place = ("127.0.0.1", int(url.rpartition(":")[2]))
    return SearxngBackend(Fetcher(Policy(allowed=frozenset({place}))), url)


async def test_a_real_server_is_asked_and_understood(searx: str) -> None:
    outcome = await backend(searx).search(WebQuery("tall tower"))
    assert (outcome.status, outcome.notes) == ("ok", ()), outcome
    (hit,) = outcome.items
    assert (hit.url, hit.title) == ("http://tower.test/a", "The tall tower")
    assert (hit.snippet, hit.engine) == ("It is 93 metres tall.", "ours")


async def test_a_real_server_finds_nothing(searx: str) -> None:
    assert (await backend(searx).search(WebQuery("zeppelin"))).status == "empty"


async def test_a_real_server_whose_engine_is_broken_says_so(searx: str) -> None:
    outcome = await backend(searx).search(WebQuery("broken"))
    assert outcome.status in ("error", "throttled", "timeout")
    assert outcome.error is not None and outcome.error.startswith("None of SearXNG's engines answered: ours")
