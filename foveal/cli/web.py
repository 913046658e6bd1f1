"""``foveal web``: search the web, read a page, and freeze both into a file that can be asked for years."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foveal.cli import options, seams
from foveal.cli.interrupt import run_until_interrupted
from foveal.cli.output import note, one_line, print_json, say
from foveal.cli.progress import Bar
from foveal.errors import BackendDown, BackendTimeout, BadInput, FovealError, PolicyError, Throttled
from foveal.settings import Settings
from foveal.types import TextHit, ToolOutcome, WebHit, WebPage, WebQuery, plain

if TYPE_CHECKING:
    from foveal.protocols import Web
    from foveal.tools.freeze.freezer import FreezeReport

app = typer.Typer(help="The web: search it, read a page, freeze both into a file.", no_args_is_help=True)
KINDS = ("text", "images", "news")
SHOWN = 20
"""Failures that are listed."""
OFFLINE = (
    "Without a network use an archive, --web zim:FILE (https://library.kiwix.org has many), or a SearXNG server of "
    "your own, --web searxng with `searxng_url`."
)
OTHERS_WORK = "What is frozen is the work of others: keep it to yourself where their licences do not let you share it."
Kind = Annotated[str, typer.Option("--kind", metavar="KIND", help="text, images or news.")]


@app.command("search")
def search(
    context: typer.Context,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="What to look for.", show_default=False)],
    web: options.Web = None,
    kind: Kind = "text",
    most: Annotated[int, typer.Option("-k", metavar="N", min=1, max=50, help="Most results.")] = 10,
    since: Annotated[
        str | None,
        typer.Option(metavar="S", help="Only of the last day, week, month or year.", show_default=False),
    ] = None,
    json: options.Json = False,
) -> None:
    """Search the web and list what was found. Exit 4 when no backend answers."""
    if since not in (None, "day", "week", "month", "year"):
        raise BadInput(f"--since {since}: it is day, week, month or year.")
    (kind,) = _kinds([kind])
    asked: Any = {"kind": kind, "k": most, "since": since}
    outcome = _with_web(options.settings_of(context, web=web), lambda web: web.search(WebQuery(query, **asked)))
    _check(outcome)
    if json:
        print_json({"schema": "foveal.web/1", "query": query, **plain(outcome)})
        return
    for hit in outcome.items:
        _show_hit(hit)
    say(f"{len(outcome.items)} results from {outcome.backend}" if outcome.items else "Nothing was found.")
    for told in outcome.notes:
        note(one_line(told))


@app.command("read")
def read(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="The page's address.", show_default=False)],
    web: options.Web = None,
    question: Annotated[
        str | None,
        typer.Option("--question", metavar="Q", help="Show only the passages that bear on it.", show_default=False),
    ] = None,
    json: options.Json = False,
) -> None:
    """Fetch a page and print what is read in it, as Markdown; with --question its passages for that."""

    async def work(web: Web) -> tuple[WebPage, list[TextHit]]:
        web.allow(url)
        page = await web.read(url)
        return page, await asyncio.to_thread(seams.passages, page, question) if question else []

    page, passages = _with_web(options.settings_of(context, web=web), work)
    if json:
        shown = {"passages": [plain(hit) for hit in passages]} if question else {}
        print_json({"schema": "foveal.page/1", **plain(page), **shown})
        return
    say(page.title)
    say(page.url)
    dates = (page.published_at and f"published {page.published_at}", page.retrieved_at and f"read {page.retrieved_at}")
    say(", ".join(filter(None, (page.kind, f"{len(page.text):,} characters", *dates))))
    if question:
        for hit in passages:
            say(f"\n[{hit.start}:{hit.end}] {one_line(hit.title)}\n{hit.text}")
        if not passages:
            say("\nNo passage bears on the question.")
    else:
        say(f"\n{page.text}")
        for picture in page.pictures:
            say(f"- picture: {one_line(picture.caption or picture.alt or 'without words')} {picture.url}")
    for told in page.notes:
        note(one_line(told))


@app.command("freeze")
def freeze(
    context: typer.Context,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="Questions as JSONL, a query or address on each line, or a folder of recordings.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.zim", help="The file to make.", show_default=False)],
    web: options.Web = None,
    depth: Annotated[int, typer.Option(metavar="N", min=0, max=50, help="Pages that are read of each search.")] = 5,
    pictures: Annotated[int, typer.Option(metavar="N", min=0, max=50, help="Pictures that are kept of each page.")] = 3,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind", metavar="KIND", help="text, images or news; may be repeated. Default: text.", show_default=False
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE.zim.")] = False,
    json: options.Json = False,
) -> None:
    """Search and read the web for a list of questions and keep all of it in one file: a frozen web.

    --web zim:FILE.zim then answers any query from it, --web replay:FILE.zim gives the very same searches back.
    Stopped, it goes on where it was when it is run again.
    """
    kinds = _kinds(kind or ["text"])
    if out.suffix != ".zim":
        raise BadInput(f"--out {out}: the file is a ZIM archive.", remedy="Give it a name that ends in .zim.")
    if out.exists() and not force:
        raise BadInput(f"{out} exists.", remedy="Give another name, or --force to replace it.")
    settings = options.settings_of(context, web=web)
    with Bar("freezing", quiet=json) as bar:
        work = seams.freeze(settings, source, out, kinds=kinds, depth=depth, pictures=pictures, progress=bar.at)
        report: FreezeReport = run_until_interrupted(work, hint="What was fetched is kept; run it again to go on.")
    if json:
        print_json({"schema": "foveal.freeze/1", **plain(report)})
    else:
        size = f"{report.bytes / 1e6:.1f} MB"
        say(f"{out}: {report.searches} searches, {report.pages} pages, {report.pictures} pictures, {size}")
        say(f"content sha256 {report.sha256}")
        if report.again:
            say(f"{report.again} of these had been fetched before")
    for what, why in report.failed[:SHOWN]:
        note(f"not in it: {one_line(what, 120)}: {one_line(why)}")
    if len(report.failed) > SHOWN:
        note(f"not in it: and {len(report.failed) - SHOWN} more (--json lists all)")
    note(OTHERS_WORK)


def _show_hit(hit: WebHit) -> None:
    dated = f"  ({hit.published_at})" if hit.published_at else ""
    size = f"  {hit.width} × {hit.height}" if hit.image and hit.width and hit.height else ""
    say(f"{hit.rank:>2}  {one_line(hit.title, 100)}{dated}{size}")
    for line in (hit.url, hit.image, one_line(hit.snippet)):
        if line:
            say(f"    {line}")


def _with_web(settings: Settings, work: Any) -> Any:
    """Return what *work* gives, which is given the web of the settings."""

    async def opened() -> Any:
        web = seams.make_web(settings)
        try:
            return await work(web)
        finally:
            await web.aclose()

    try:
        return run_until_interrupted(opened())
    except BackendDown as error:
        error.remedy = error.remedy or OFFLINE
        raise


def _check(outcome: ToolOutcome) -> None:
    """Raise what became of a search that no backend answered."""
    errors: dict[str, type[FovealError]] = {
        "throttled": Throttled, "blocked": PolicyError, "timeout": BackendTimeout, "error": BackendDown,
    }  # fmt: skip
    if kind := errors.get(outcome.status):
        words = outcome.error or "The web does not answer."
        raise kind(words, remedy=OFFLINE if outcome.status == "error" else "")


def _kinds(given: Sequence[str]) -> list[str]:
    if wrong := [kind for kind in given if kind not in KINDS]:
        raise BadInput(f"--kind {wrong[0]}: it is text, images or news.")
    return list(dict.fromkeys(given))
