"""The samples: each is a small data set in its published shape, with content of our own."""

from __future__ import annotations

from pathlib import Path

from foveal.evaluation.loaders.files import RawRow, data_files, raw_rows

BENCHMARKS = Path(__file__).resolve().parents[2] / "fixtures" / "benchmarks"
FORMAT_OF = {folder.name: folder.name for folder in sorted(BENCHMARKS.iterdir())} | {"inquire_rerank": "inquire"}


def rows_of(sample: str) -> list[tuple[str, RawRow]]:
    """The good rows of a sample, each with the name of its file."""
    files = data_files(BENCHMARKS / sample)
    return [(file.name, row) for file in files for row in raw_rows(file) if row.data is not None]
