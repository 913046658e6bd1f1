"""What rerankers that run in this process share: one model, loaded at first use, one call at a time."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from foveal.errors import BadConfig, FovealError, ModelError
from foveal.protocols import PictureReader
from foveal.types import Candidate, Scored


class LocalReranker:
    """A sentence-transformers model and how it scores. Subclasses say how it is made and asked.

    *path* is a folder, or an id of the Hugging Face hub, which the library fetches when it is not cached.
    Code that comes with a model is never run.
    """

    per_candidate = False
    metered = False

    def __init__(self, kind: str, path: str, pictures: PictureReader | None) -> None:
        """Raises BadConfig when the library is not there, or *path* is written like a folder and is none."""
        if find_spec("sentence_transformers") is None:
            raise BadConfig(f"{kind} needs sentence-transformers.", remedy="Run pip install 'foveal[rerank]'.")
        folder = Path(path).expanduser()
        if path.startswith(("/", ".", "~")) and not folder.is_dir():
            raise BadConfig(f"{kind}:{path} names a folder that is not there.", remedy="Check the setting `reranker`.")
        self.name = f"{kind}:{folder.name if folder.is_dir() else path}"
        self._path = str(folder) if folder.is_dir() else path
        self._pictures = pictures
        self._model: Any = None
        self._lock = threading.Lock()

    async def rerank(self, query: str, candidates: Sequence[Candidate]) -> list[Scored]:
        """Return every candidate with its score, best first, equal ones in the order given. Raises ModelError."""
        scores = await asyncio.to_thread(self._scored, query, candidates) if candidates else []
        return sorted((Scored(n, s) for n, s in enumerate(scores)), key=lambda s: -s.score)

    def _scored(self, query: str, candidates: Sequence[Candidate]) -> list[float]:
        with self._lock:
            try:
                if self._model is None:
                    self._model = self._load()
                return self._scores(query, candidates)
            except FovealError:
                raise
            except Exception as problem:  # whatever the library or the file is wrong with, the search's order is left
                reason = str(problem).strip().split("\n")[0][:300] or type(problem).__name__
                raise ModelError(f"The reranker {self.name} failed: {reason}") from problem

    def _load(self) -> Any:
        raise NotImplementedError

    def _scores(self, query: str, candidates: Sequence[Candidate]) -> list[float]:
        raise NotImplementedError

    def _picture(self, candidate: Candidate) -> Any:
        """Return the candidate's picture as RGB when there is one and the model takes pictures, else None."""
        if candidate.image is None or self._pictures is None or not self._model.supports("image"):
            return None
        from PIL import Image

        with Image.open(io.BytesIO(self._pictures(candidate.image))) as image:
            return image.convert("RGB")


def words(candidate: Candidate) -> str:
    """Return a candidate as text, its title first."""
    return f"{candidate.title}\n{candidate.text}" if candidate.title else candidate.text
