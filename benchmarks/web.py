"""What the web costs beside the network: pages side by side, reading, memory, and the search chain.

    python benchmarks/web.py [--latency 200] [--pages 500] [--json]

Pages come from the fixture web of the tests (tests/fakes/site), a real server on loopback that waits before each reply.
*parallel*: 8 pages of 4 sites fetched and read at once against one by one, each way with a fresh transport; robots.txt
of each site is fetched too. *reading*: milliseconds from bytes to text in the worker, one page at a time. *memory*:
resident megabytes of this process and its workers after so many different pages. *chain*: microseconds that buckets,
breakers and deadlines add to a search that takes no time itself, and a search that the cache answers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from fakes.site import FixtureWeb
from fakes.site.drawn import text_pdf
from fakes.site.html import lorem

from foveal.tools.fetch.fetcher import Fetched
from foveal.tools.limits.breaker import Breaker
from foveal.tools.limits.bucket import TokenBucket
from foveal.tools.read.reader import PageReader
from foveal.tools.search.cache import SearchCache, WebCache
from foveal.tools.search.chain import Chain, Link
from foveal.types import ToolOutcome, WebHit, WebQuery

EIGHT = (
    "atlas.test/tower/salt-tower", "atlas.test/town/dunmere", "museum.test/museum/clock-museum",
    "museum.test/catalogue.pdf", "news.test/2025/oredo-flood", "news.test/2024/railway-strike",
    "mirror.test/copy/tower/mill-tower", "mirror.test/copy/tower/heron-tower",
)  # fmt: skip


async def parallel(latency: float, repeat: int) -> dict[str, float]:
    """Return the median seconds of eight pages one by one and at once."""
    took: dict[str, list[float]] = {"one by one": [], "at once": []}
    async with FixtureWeb(latency=latency) as web:
        reader = PageReader(web.fetcher())
        await asyncio.gather(*(reader.read(web.url("atlas.test", "river/velm")) for _ in range(4)))  # workers start
        pool = reader._pool
        urls = [web.url(*place.split("/", 1)) for place in EIGHT]
        for _ in range(repeat):
            reader = PageReader(web.fetcher(), pool=pool)
            began = time.perf_counter()
            for url in urls:
                await reader.read(url)
            took["one by one"].append(time.perf_counter() - began)
            reader = PageReader(web.fetcher(), pool=pool)
            began = time.perf_counter()
            await asyncio.gather(*map(reader.read, urls))
            took["at once"].append(time.perf_counter() - began)
        await reader.aclose()
    return {name: statistics.median(times) for name, times in took.items()}


async def reading(repeat: int) -> list[dict[str, Any]]:
    """Return what a page takes from its bytes to its text, by kind and size."""
    pdf = [[f"Line {n} of page {p} of the report." for n in range(40)] for p in range(20)]
    samples = {
        "HTML": ("text/html", lorem(1)),
        "HTML, long": ("text/html", lorem(1, 200)),
        "PDF, 20 pages": ("application/pdf", text_pdf("Report", pdf)),
    }
    reader, rows = PageReader(), []
    for name, (media_type, body) in samples.items():
        times = []
        for n in range(repeat + 1):
            began = time.perf_counter()
            page = await reader.read_bytes(Fetched(f"http://a.test/{n}", 200, media_type, "", body, {}))
            times.append(time.perf_counter() - began)
        row = {"what": name, "kB": len(body) / 1000, "characters": len(page.text)}
        rows.append({**row, "ms": 1000 * statistics.median(times[1:]), "slowest_ms": 1000 * max(times[1:])})
    await reader.aclose()
    return rows


async def memory(pages: int) -> dict[int, float]:
    """Return the resident megabytes of this process and its workers after so many pages."""
    seen: dict[int, float] = {}
    async with FixtureWeb() as web:
        reader = PageReader(web.fetcher())
        for start in range(0, pages, 10):
            urls = [web.url("bulk.test", f"page/{n}") for n in range(start, start + 10)]
            await asyncio.gather(*map(reader.read, urls))
            web.asked.clear()
            if (done := start + 10) % 100 == 0:
                seen[done] = resident()
        await reader.aclose()
    return seen


def resident() -> float:
    """Return the megabytes of memory that this process and those below it hold."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    ours = {os.getpid()}
    while new := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= new
    held = 0
    for pid in ours:
        try:
            held += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except OSError:
            continue
    return held * resource.getpagesize() / 1e6


class Instant:
    """A backend that takes no time."""

    name, kinds = "instant", frozenset({"text"})

    async def search(self, query: WebQuery) -> ToolOutcome:
        hits = tuple(WebHit(f"http://a{n}.test/", query.text, "snippet", n) for n in range(1, 11))
        return ToolOutcome("ok", hits, backend=self.name)

    async def aclose(self) -> None:
        pass


async def chain(calls: int) -> dict[str, float]:
    """Return microseconds a search: by the backend alone, through the chain, and from the cache."""
    backend: Any = Instant()

    async def each(search: Callable[[WebQuery], Awaitable[Any]], queries: Sequence[WebQuery]) -> float:
        began = time.perf_counter()
        for query in queries:
            await search(query)
        return 1e6 * (time.perf_counter() - began) / len(queries)

    queries = [WebQuery(f"query {n}") for n in range(calls)]
    with tempfile.TemporaryDirectory() as folder:
        file = WebCache(Path(folder) / "web")
        plain = Chain([Link(backend, TokenBucket(1e9, 10), Breaker())])
        cached = Chain([Link(backend, TokenBucket(1e9, 10), Breaker())], cache=SearchCache(file))
        rows = {"backend": await each(backend.search, queries), "chain": await each(plain.search, queries)}
        rows["chain, kept"] = await each(cached.search, queries)
        rows["from the cache"] = await each(cached.search, queries)
        await cached.aclose()
        await file.aclose()
    return rows


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency", type=float, default=200, help="milliseconds that the server waits")
    parser.add_argument("--pages", type=int, default=500, help="pages over which memory is watched")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each, of which the median is told")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()

    async def measure() -> dict[str, Any]:
        return {
            "parallel": await parallel(given.latency / 1000, given.repeat),
            "reading": await reading(4 * given.repeat),
            "memory": await memory(given.pages),
            "chain": await chain(500),
        }

    found = asyncio.run(measure())
    if given.json:
        print(json.dumps(found, indent=2))
        return
    slow, fast = found["parallel"].values()
    print(
        f"8 pages, {given.latency:.0f} ms each    one by one {slow:.2f} s   at once {fast:.2f} s   {slow / fast:.1f} x"
    )
    print("\nreading           kB  characters      ms   slowest")
    for r in found["reading"]:
        print(f"{r['what']:<14} {r['kB']:>5.0f}  {r['characters']:>10,}  {r['ms']:>6.1f}  {r['slowest_ms']:>8.1f}")
    print("\nmemory  " + "   ".join(f"{n} pages {mb:.0f} MB" for n, mb in found["memory"].items()))
    held = list(found["memory"].values())
    print(f"        {held[-1] / held[0]:.2f} x between the first and the last")
    print("\nsearch  " + "   ".join(f"{name} {us:.0f} µs" for name, us in found["chain"].items()))


if __name__ == "__main__":
    main()
