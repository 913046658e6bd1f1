"""From the settings to the web: which backends are asked, with what limits, and through which transport."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pydantic import SecretStr

from foveal.errors import BadConfig
from foveal.protocols import BlobStore, SearchBackend
from foveal.settings import Settings
from foveal.tools.limits.breaker import Breaker
from foveal.tools.limits.bucket import TokenBucket
from foveal.tools.limits.clock import Clock, SystemClock
from foveal.tools.search.cache import PageCache, SearchCache, WebCache
from foveal.tools.search.chain import Chain, Link
from foveal.tools.search.web import Archive, Closeable, LiveWeb, Reader

if TYPE_CHECKING:
    from foveal.tools.fetch.fetcher import Fetcher
    from foveal.tools.fetch.policy import Policy
    from foveal.tools.fetch.resolve import Resolver

RATES = {"ddgs": (1.0, 2), "searxng": (5.0, 5), "brave": (1.0, 1), "vision": (5.0, 5)}
"""Calls a second, and calls at once after a rest. Public engines and Brave's free plan allow one a second."""
FILES = ("zim", "replay")
"""Backends that are a file of this machine: without limits, never cached, no network."""
MARGIN = 2.0
"""Seconds that the chain waits longer than a backend's own deadline, so that the backend can say what was late."""


def make_web(
    settings: Settings,
    *,
    blobs: BlobStore,
    resolver: Resolver | None = None,
    clock: Clock | None = None,
    policy: Policy | None = None,
) -> LiveWeb:
    """Return the web that ``settings.web`` names, a comma list. Opens files, asks nothing. Raises BadConfig.

    *policy* is that of pages and pictures; *resolver* and *clock* are seams for tests.
    """
    from foveal.tools.fetch.provenance import Provenance

    made = _Making(settings, blobs, resolver, clock or SystemClock(), policy)
    specs = [spec.strip() for spec in settings.web.split(",")]
    if settings.web == "off":
        raise BadConfig("The web is off.", remedy="Give for example --web ddgs, --web searxng or --web zim:FILE.")
    for spec in specs:
        made.add(spec)
    live = made.fetcher is not None
    if live and settings.vision_api_key is not None:
        made.link("vision", made.vision(settings.vision_api_key))
    file = WebCache(settings.cache / "web", clock=made.clock) if live else None
    return LiveWeb(
        Chain(made.links, cache=SearchCache(file) if file else None, clock=made.clock),
        blobs=blobs,
        provenance=Provenance(),
        reader=_reader(made.fetcher, browser=settings.browser),
        archives=made.archives,
        pages=PageCache(file) if file else None,
        holds=[*made.fetchers, *((file,) if file else ())],
    )


def _reader(fetcher: Fetcher | None, *, browser: bool) -> Reader | None:
    if fetcher is None:
        return None
    from foveal.tools.read.reader import PageReader

    reader = PageReader(fetcher)
    if not browser:
        return reader
    from foveal.tools.fetch.browser import GuardedBrowser, Showing
    from foveal.tools.read.browsed import BrowsingReader

    return BrowsingReader(reader, GuardedBrowser(fetcher, showing=Showing(scripts=True)))


class _Making:
    """Collects the parts of a web."""

    def __init__(
        self, settings: Settings, blobs: BlobStore, resolver: Resolver | None, clock: Clock, policy: Policy | None
    ) -> None:
        self.settings, self.blobs, self.resolver, self.clock, self.policy = settings, blobs, resolver, clock, policy
        self.links: list[Link] = []
        self.archives: list[Archive] = []
        self.fetchers: list[Closeable] = []
        self.fetcher: Fetcher | None = None
        """That of pages; None as long as only files are asked."""

    def add(self, spec: str) -> None:
        """Add the backend that *spec* names. Raises BadConfig."""
        name, _, file = spec.partition(":")
        makers: dict[str, Callable[[], SearchBackend]] = {
            "ddgs": self._ddgs, "searxng": self._searxng, "brave": self._brave,
            "zim": lambda: self._zim(file), "replay": lambda: self._replay(file),
        }  # fmt: skip
        if name not in makers or (name in FILES) != bool(file):
            raise BadConfig(
                f"There is no web backend `{spec}`.",
                remedy="Choose from ddgs, searxng, brave, zim:FILE and replay:FILE, with commas between them.",
            )
        if name not in FILES and self.fetcher is None:
            self.fetcher = self._fetcher()
        self.link(name, makers[name]())

    def link(self, name: str, backend: SearchBackend) -> None:
        """Add *backend* with the limits of its name."""
        rate, burst = RATES.get(name, (1e6, 1))
        deadline = (60.0 if name in FILES else self._timeout(name)) + MARGIN
        limits = TokenBucket(rate, burst, clock=self.clock), Breaker(clock=self.clock)
        self.links.append(Link(backend, *limits, deadline=deadline, kept=name not in FILES))

    def _timeout(self, name: str) -> float:
        return max(20.0, self.settings.web_timeout) if name == "vision" else self.settings.web_timeout

    def _fetcher(self, allowed: Sequence[tuple[str, int]] = ()) -> Fetcher:
        """Return a new fetcher; *allowed*: the user's own server, which pages must not lead to, so it has its own."""
        from dataclasses import replace

        from foveal.tools.fetch.fetcher import Fetcher
        from foveal.tools.fetch.policy import Policy

        policy = self.policy or Policy(robots=self.settings.robots)
        if allowed:
            policy = replace(policy, allowed=policy.allowed | frozenset(allowed))
        fetcher = Fetcher(policy, resolver=self.resolver)
        self.fetchers.append(fetcher)
        return fetcher

    def _ddgs(self) -> SearchBackend:
        from foveal.tools.search.ddgs import DdgsBackend

        return DdgsBackend(self.settings.ddgs_engines, timeout=self.settings.web_timeout)

    def _searxng(self) -> SearchBackend:
        from foveal.tools.search.searxng import SearxngBackend, place_of

        url = self.settings.searxng_url
        if not url:
            raise BadConfig(
                "The address of your SearXNG server is not set.",
                remedy="Set `searxng_url` in foveal.toml, or FOVEAL_SEARXNG_URL, for example http://localhost:8888.",
            )
        fetcher = self._fetcher([place_of(url)])
        return SearxngBackend(fetcher, url, timeout=self.settings.web_timeout)

    def _brave(self) -> SearchBackend:
        from foveal.tools.search.brave import BraveBackend

        if self.settings.brave_api_key is None:
            raise BadConfig(
                "The key of the Brave Search API is not set.",
                remedy="Set FOVEAL_BRAVE_API_KEY; a key is given at https://api-dashboard.search.brave.com.",
            )
        assert self.fetcher is not None
        return BraveBackend(self.fetcher, self.settings.brave_api_key, timeout=self.settings.web_timeout)

    def vision(self, key: SecretStr) -> SearchBackend:
        """Return the service that finds pages with a picture."""
        from foveal.tools.search.lookalikes import VisionBackend

        assert self.fetcher is not None
        return VisionBackend(self.fetcher, key, self.blobs, timeout=self._timeout("vision"))

    def _zim(self, file: str) -> SearchBackend:
        from foveal.tools.search.zim import open_zim

        site = open_zim(file)
        self.archives.append(site)
        return site.backend

    def _replay(self, file: str) -> SearchBackend:
        from foveal.tools.search.recorded import open_recorded

        site = open_recorded(file)
        self.archives.append(site)
        return site.backend
