"""``foveal index``: make, check, mend and count a collection."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from foveal.cli import options, seams
from foveal.cli.interrupt import in_thread, run_until_interrupted
from foveal.cli.output import note, one_line, print_json, say
from foveal.cli.progress import Bar, lasting

app = typer.Typer(help="Collections: the documents and pictures that are searched.", no_args_is_help=True)
T = TypeVar("T")
REASONS_SHOWN = 20
KEPT = "What was finished is kept."


@app.command("add")
def add(
    context: typer.Context,
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Folders, files and JSONL corpora.", show_default=False),
    ],
    index: options.Index = None,
    json: options.Json = False,
) -> int:
    """Add pictures, PDF, HTML, Markdown, text and JSONL corpora; what is in already is left."""
    settings = options.settings_of(context, index=index)
    folder = seams.index_folder(settings)
    stop = threading.Event()

    def work() -> Any:
        with (
            closing(seams.create_collection(folder, settings)) as collection,
            Bar("indexing", unit="sources") as bar,
        ):
            mode = "auto" if settings.ocr else "never"
            return collection.add(paths, ocr=mode, progress=bar.at, cancel=stop)

    report = _run(work, stop)
    nothing = not (report.added or report.unchanged or report.replaced or report.moved or report.removed)
    if json:
        summary = {**asdict(report), "seconds_in_embedders": report.seconds_in_embedders}
        print_json({"schema": "foveal.index/1", "action": "add", "index": str(folder), **summary})
    else:
        say(
            f"added {report.added}, replaced {report.replaced}, moved {report.moved}, "
            f"removed {report.removed}, unchanged {report.unchanged}, "
            f"skipped {len(report.skipped)}, failed {len(report.failed)}"
        )
        if report.docs:
            speed, share = report.docs / report.seconds, report.seconds_in_embedders / report.seconds
            say(
                f"{report.docs} documents and {report.pictures} pictures in {lasting(report.seconds)} "
                f"({speed:.1f} documents a second, {share:.0%} of the time in the models)"
            )
        for word in ("failed", "skipped", "notices"):
            _reasons(word, getattr(report, word))
    return 2 if nothing and report.failed else 0


@app.command("verify")
def verify(context: typer.Context, index: options.Index = None, json: options.Json = False) -> int:
    """Compare the stores of a collection; nothing is changed. Exit 4 when something is wrong."""
    folder = seams.index_folder(options.settings_of(context, index=index))
    report = _with_collection(folder, lambda collection: collection.verify())
    if json:
        print_json({"schema": "foveal.index/1", "action": "verify", "ok": report.ok, **asdict(report)})
    else:
        say(
            f"{report.documents} documents, {report.chunks} passages, {report.pictures} pictures, "
            f"{report.compared} vectors compared: {'whole' if report.ok else 'not whole'}"
        )
        for problem in report.problems:
            say(f"- {problem}")
        if not report.ok:
            note(f"`foveal index rebuild --index {folder}` makes the vectors' store again.")
    return 0 if report.ok else 4


@app.command("rebuild")
def rebuild(
    context: typer.Context,
    index: options.Index = None,
    text_embedder: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="Embed all texts again with embedded or st:DIR_OR_ID.", show_default=False),
    ] = None,
    image_embedder: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="Embed all pictures again with embedded, clip:DIR_OR_ID or st:DIR_OR_ID.",
            show_default=False,
        ),
    ] = None,
    page_embedder: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="Embed the looks of all pages with st:DIR_OR_ID.", show_default=False),
    ] = None,
    json: options.Json = False,
) -> None:
    """Make the vectors' store again from the collection's own rows; with other embedders, all vectors."""
    given = {"text_embedder": text_embedder, "image_embedder": image_embedder, "page_embedder": page_embedder}
    settings = options.settings_of(context, index=index, **given)
    folder = seams.index_folder(settings)
    if not any(given.values()):
        vectors = _with_collection(folder, lambda collection: collection.rebuild())
        if json:
            print_json({"schema": "foveal.index/1", "action": "rebuild", "vectors": vectors})
        else:
            say(f"rebuilt: {vectors} vectors")
        return
    stop = threading.Event()

    def work() -> Any:
        text, image = seams.make_embedders_of(settings, text=text_embedder, image=image_embedder)
        pages = seams.make_page_embedder(settings) if page_embedder else None
        done: dict[str, Any] = {}
        with closing(seams.open_collection(folder)) as collection, Bar("rebuilding") as bar:
            if text is not None or image is not None:
                done |= asdict(collection.reembed(text, image, progress=bar.at, cancel=stop))
            if pages is not None:
                done["pages"] = collection.embed_pages(pages, progress=bar.at, cancel=stop)
        return done

    done = _run(work, stop)
    if json:
        print_json({"schema": "foveal.index/1", "action": "rebuild", "index": str(folder), **done})
        return
    if "vectors" in done:
        say(f"rebuilt: {done['vectors']} vectors; {done['texts']} texts and {done['pictures']} pictures embedded now")
        for role, name in done["embedders"].items():
            say(f"{role.replace('_', ' ')}: {name}")
    if "pages" in done:
        say(f"embedded: {done['pages']} pages")
    note(f"From now on set {' and '.join(f'{name} = {spec}' for name, spec in given.items() if spec)} to search it.")


@app.command("stats")
def stats(context: typer.Context, index: options.Index = None, json: options.Json = False) -> None:
    """Count what a collection holds."""
    folder = seams.index_folder(options.settings_of(context, index=index))
    counts = _with_collection(folder, lambda collection: collection.stats())
    if json:
        print_json({"schema": "foveal.index/1", "action": "stats", **asdict(counts)})
        return
    pictures = ", ".join(f"{n} {role}" for role, n in counts.pictures.items()) or "none"
    say(f"documents  {counts.documents}\npassages   {counts.chunks}\npictures   {pictures}")
    say(f"sources    {counts.sources}\nsize       {counts.bytes / 1e6:,.1f} MB")
    for role, name in counts.embedders.items():
        say(f"{role.replace('_', ' ')}: {name}")


@app.command("rm")
def remove(
    context: typer.Context,
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME...", help="Document ids, or files, folders and corpora.", show_default=False),
    ],
    index: options.Index = None,
    json: options.Json = False,
) -> None:
    """Remove documents from a collection."""
    folder = seams.index_folder(options.settings_of(context, index=index))
    removed = _with_collection(folder, lambda collection: collection.remove(names))
    if json:
        print_json({"schema": "foveal.index/1", "action": "rm", "removed": removed})
    else:
        say(f"removed {removed} documents")


def _with_collection(folder: Path, work: Callable[[Any], T]) -> T:
    def opened() -> T:
        with closing(seams.open_collection(folder)) as collection:
            return work(collection)

    return _run(opened, threading.Event())


def _run(work: Callable[[], T], stop: threading.Event) -> T:
    return run_until_interrupted(in_thread(work, stop), hint=KEPT)


def _reasons(word: str, pairs: list[tuple[str, str]]) -> None:
    for source, reason in pairs[:REASONS_SHOWN]:
        note(f"{word}: {one_line(source, 120)}: {one_line(reason)}")
    if len(pairs) > REASONS_SHOWN:
        note(f"{word}: and {len(pairs) - REASONS_SHOWN} more (--json lists all)")
