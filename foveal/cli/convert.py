"""``foveal eval convert``: a published data set becomes a folder of questions, corpus and pictures."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foveal.cli import options
from foveal.cli.output import note, print_json, say

if TYPE_CHECKING:
    from foveal.evaluation.loaders import Conversion

SHOWN = 5
"""Bad rows that are shown; all stand in the folder."""

Format = Annotated[str, typer.Argument(metavar="FORMAT", help="Its name, or auto.", show_default=False)]
Data = Annotated[Path, typer.Argument(metavar="PATH", help="A file, a zip or a folder of it.", show_default=False)]


def convert_(
    format: Format,
    path: Data,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where it is written.", show_default=False)],
    images: Annotated[
        Path | None,
        typer.Option("--images", metavar="DIR", help="Where else its pictures lie.", show_default=False),
    ] = None,
    json: options.Json = False,
) -> None:
    """Turn a published data set into questions.jsonl, corpus.jsonl and images/, and report every row not used."""
    done = converted(format, path, out, images)
    if json:
        print_json({"schema": "foveal.conversion/1", "out": str(out), **asdict(done)})
        return
    say(f"{done.title}: {done.questions} questions, {done.documents} documents, {done.pictures} pictures")
    say(f"its own measures: {', '.join(done.metrics)}")
    say(f"{out}")


def converted(format: str, path: Path, out: Path, images: Path | None = None) -> Conversion:
    """Convert, and say on standard error what was odd. Raises BadInput, StorageFull."""
    from foveal.evaluation.loaders import convert
    from foveal.evaluation.loaders.convert import BAD
    from foveal.evaluation.questions import BadRow, json_lines, read_bytes

    done = convert(format, path, out, images=images)
    rows = json_lines(read_bytes(out / BAD, "list of bad rows"), [])
    for _, row in rows[:SHOWN]:
        note(f"warning: {path}: {BadRow(**row)}")
    if done.bad_rows > SHOWN:
        note(f"warning: {done.bad_rows} rows were not used: {out / BAD}")
    for what, count in done.notes.items():
        note(f"note: {count} {what}")
    return done
