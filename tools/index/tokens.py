"""Pages by their tokens: MUVERA proposes, MaxSim over the token vectors on disk decides.

A folder holds the token vectors (float16, memory-mapped), one MUVERA encoding of each document, and what they were
made with. It is written beside and moved into place whole.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from foveal.errors import IndexCorrupt, IndexMismatch, IndexMissing
from foveal.tools.embed.muvera import Muvera
from foveal.tools.index.schema import translated
from foveal.tools.rerank.maxsim import maxsim

OVERFETCH = 8
"""Candidates for each document that is wanted: the encodings alone cover half of the exact top ten, eight times as
many nine tenths."""
LEAST = 50
_ABOUT, _TOKENS, _CODES = "about.json", "tokens.f16", "codes.f16"


class TokenIndex:
    """Token matrices [n_i, dim] of documents, searched by a query's tokens."""

    def __init__(self, folder: Path, encoder: str) -> None:
        """Open *folder*, made by *encoder*. Raises IndexMissing, IndexMismatch, IndexCorrupt."""
        self.folder = folder
        try:
            about = json.loads(folder.joinpath(_ABOUT).read_text("utf-8"))
            self.keys: list[str] = about["keys"]
            self.muvera = Muvera(**about["muvera"])
            self._ends = np.cumsum(about["lengths"], dtype=np.int64)
            made_by, dim, n = about["encoder"], self.muvera.dim, len(self.keys)
            tokens = int(self._ends[-1]) if n else 0
            self._tokens = _mapped(folder / _TOKENS, (tokens, dim))
            self._codes = _mapped(folder / _CODES, (n, self.muvera.size))
        except FileNotFoundError as error:
            raise IndexMissing(f"There are no page tokens in {folder}.", remedy="Make them first.") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise IndexCorrupt(f"The page tokens in {folder} are damaged.", remedy="Make them again.") from error
        if made_by != encoder:
            raise IndexMismatch(
                f"The page tokens in {folder} were made with {made_by}; this is {encoder}.", remedy="Make them again."
            )

    @classmethod
    def write(
        cls, folder: Path, encoder: str, documents: Iterable[tuple[str, np.ndarray]], muvera: Muvera
    ) -> TokenIndex:
        """Write the tokens of *documents* (key, unit rows [n_i, dim]), in place of what *folder* held, and open it.

        Raises BadInput for a document without tokens or of another width, StorageFull.
        """
        fresh = folder.with_name(folder.name + ".new")
        keys: list[str] = []
        lengths: list[int] = []
        with translated(folder):
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(parents=True)
            with fresh.joinpath(_TOKENS).open("wb") as tokens, fresh.joinpath(_CODES).open("wb") as codes:
                for key, matrix in documents:
                    codes.write(muvera.encode_document(matrix).astype(np.float16).tobytes())
                    tokens.write(matrix.astype(np.float16).tobytes())
                    keys.append(key)
                    lengths.append(len(matrix))
            about = {"encoder": encoder, "muvera": asdict(muvera), "keys": keys, "lengths": lengths}
            fresh.joinpath(_ABOUT).write_text(json.dumps(about), "utf-8")
            shutil.rmtree(folder, ignore_errors=True)
            fresh.rename(folder)
        return cls(folder, encoder)

    def search(self, query: np.ndarray, k: int, *, overfetch: int = OVERFETCH) -> list[tuple[str, float]]:
        """Return the *k* best documents by MaxSim with *query* [m, dim] among MUVERA's candidates, best first."""
        if k <= 0 or not self.keys:
            return []
        near = self._codes.astype(np.float32, copy=False) @ self.muvera.encode_query(query)
        chosen = np.argsort(-near, kind="stable")[: max(LEAST, k * overfetch)]
        scored = [(self.keys[i], maxsim(query, self.tokens(int(i)))) for i in chosen]
        return sorted(scored, key=lambda pair: -pair[1])[:k]

    def tokens(self, place: int) -> np.ndarray:
        """Return the token vectors of the document at *place*, float32 [n_i, dim]."""
        start = int(self._ends[place - 1]) if place else 0
        return np.asarray(self._tokens[start : int(self._ends[place])], dtype=np.float32)


def _mapped(file: Path, shape: tuple[int, int]) -> np.ndarray:
    """Map float16 [shape]; a file of another size is no such matrix (ValueError)."""
    if file.stat().st_size != 2 * shape[0] * shape[1]:
        raise ValueError(file.name)
    if not shape[0]:
        return np.zeros(shape, dtype=np.float16)
    return np.memmap(file, dtype=np.float16, mode="r", shape=shape)
