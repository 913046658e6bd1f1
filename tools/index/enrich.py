"""Raw documents to rows: keep the picture, look at it, read it, cut the words, embed everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from foveal.errors import BadImage, BadInput, IndexMismatch
from foveal.protocols import ImageEmbedder, Labeller, OcrReader, TextEmbedder
from foveal.tools.embed.pages import PageEmbedder
from foveal.tools.index.chunk import chunk_spans
from foveal.tools.index.label_vectors import LabelVectors
from foveal.tools.index.projection import bad_rows
from foveal.tools.index.readers import RawDocument, clean
from foveal.tools.index.report import IngestReport
from foveal.tools.index.store import ChunkRow, DocumentRow, ImageRow, indexed
from foveal.tools.layout.text import LAYOUT, picture_text
from foveal.types import Document, ImageRef, Label, Part

if TYPE_CHECKING:
    from PIL import Image

OcrMode = Literal["auto", "always", "never"]

LABELS_KEPT = 5
LABELS_SEEN = 10
LABEL_PROBABILITY = 0.05
GROUP_PIXELS = 24_000_000
"""Pictures are decoded in groups of at most so many pixels: 72 MB."""
TINY = 160
"""A picture whose longer side is shorter holds no text worth reading."""
ENOUGH_TEXT = 200
DRAWN = 0.2
"""Share of one flat colour from which a picture is taken for a drawing, chart or scan, that may hold text."""
MIN_OCR_CONFIDENCE = 0.5


@dataclass(frozen=True, slots=True)
class Embedders:
    """The models a collection is made with. ``eye`` may be the labeller too; then pictures are looked at
    once."""

    text: TextEmbedder
    eye: ImageEmbedder
    labeller: Labeller | None = None
    ocr: OcrReader | None = None
    pages: PageEmbedder | None = None

    def fingerprint(self, chunker: str, ocr_mode: OcrMode) -> str:
        """Names everything that a stored row depends on beside its source."""
        labeller = self.labeller.id if self.labeller else "-"
        ocr = f"{self.ocr.id}/{LAYOUT}/{ocr_mode}" if self.ocr else "-"
        return "|".join((chunker, self.text.id, str(self.text.dim), self.eye.id, str(self.eye.dim), labeller, ocr))


class Blobs(Protocol):
    """What ingestion needs of the picture store."""

    def put_image(self, image: Image.Image, *, name: str = "", origin: str = "page") -> ImageRef:
        """Keep rendered pixels. Raises BadImage."""
        ...

    def put_path(self, path: Path) -> ImageRef:
        """Keep a file. Raises BadImage."""
        ...

    def open(self, sha256: str) -> Image.Image:
        """Return upright RGB."""
        ...


@dataclass(slots=True)
class Draft:
    """A document on its way: what is known about its picture so far."""

    raw: RawDocument
    ref: ImageRef | None = None
    features: np.ndarray | None = None
    labels: tuple[Label, ...] = ()
    ocr: str = ""
    flat: float = 0.0
    notice: str = ""
    chunks: list[tuple[Part, int, int, str]] = field(default_factory=list)

    @property
    def role(self) -> str:
        """picture, chart (flat ground and words) or page."""
        if self.raw.role is not None:
            return self.raw.role
        return "chart" if self.flat >= 0.35 and len(self.ocr) >= 60 else "picture"


class Enricher:
    """Turns raw documents into rows, counting the seconds spent in models into *report*."""

    def __init__(self, embedders: Embedders, blobs: Blobs, report: IngestReport, *, ocr: OcrMode = "auto") -> None:
        self._models = embedders
        self._blobs = blobs
        self._report = report
        self._ocr = ocr
        self._labels = LabelVectors(self._embed)

    def draft(self, raw: RawDocument) -> Draft:
        """Keep the document's picture. A bad picture fails the document, unless it has words of its own."""
        draft = Draft(raw)
        if raw.picture is None:
            return draft
        try:
            if isinstance(raw.picture, Path):
                draft.ref = self._blobs.put_path(raw.picture)
            else:
                draft.ref = self._blobs.put_image(raw.picture, name=raw.source, origin="page")
        except BadImage as error:
            if not raw.text.strip():
                raise BadInput(error.message) from error
            draft.notice = f"its picture was left out: {error.message}"
        # the pixels are in the store now; a long PDF must not be kept in memory
        draft.raw = _without_picture(raw)
        return draft

    def rows(self, drafts: Sequence[Draft], stage: Callable[[str], None]) -> list[DocumentRow | str]:
        """Finish *drafts*; a string instead of a row says why that document failed."""
        stage("looking")
        self._look([draft for draft in drafts if draft.ref is not None], stage)
        stage("embedding")
        for draft in drafts:
            draft.chunks = list(_pieces(draft))
        texts = [indexed(draft.raw.title, body) for draft in drafts for _, _, _, body in draft.chunks]
        vectors = self._embed(texts)
        rows: list[DocumentRow | str] = []
        at = 0
        for draft in drafts:
            own = vectors[at : at + len(draft.chunks)]
            at += len(draft.chunks)
            rows.append(self._row(draft, own))
        return rows

    def _look(self, drafts: Sequence[Draft], stage: Callable[[str], None]) -> None:
        for group in _groups(drafts):
            images = [self._blobs.open(draft.ref.sha256) for draft in group if draft.ref is not None]
            with self._report.timed("eye"):
                features, labels = self._features_and_labels(images)
            if features.shape != (len(images), self._models.eye.dim):
                raise IndexMismatch(
                    f"The eye {self._models.eye.id} gave vectors of shape {features.shape}.",
                    remedy="Check the eye's weights: foveal models verify",
                )
            for draft, image, vector, seen in zip(group, images, features, labels, strict=True):
                draft.features = np.asarray(vector, dtype=np.float32)
                draft.labels = tuple(seen)
                draft.flat = _flat_share(image)
                if self._wants_ocr(draft, image):
                    stage("reading")
                    with self._report.timed("ocr"):
                        draft.ocr = self._read(image)

    def _features_and_labels(self, images: list[Image.Image]) -> tuple[np.ndarray, list[list[Label]]]:
        eye: Any = self._models.eye
        labeller = self._models.labeller
        if labeller is None:
            return eye.embed_images(images), [[] for _ in images]
        if labeller is eye and hasattr(eye, "look"):
            features, labels = eye.look(images, k=LABELS_SEEN)
            return features, labels
        return eye.embed_images(images), labeller.label_images(images, k=LABELS_SEEN)

    def _wants_ocr(self, draft: Draft, image: Image.Image) -> bool:
        if self._models.ocr is None or self._ocr == "never":
            return False
        if self._ocr == "always":
            return True
        words = draft.raw.text.strip()
        if max(image.size) < TINY:
            return False
        if draft.raw.role == "chart":
            return True  # what is said about a chart does not hold its values
        # a photo with a caption is told about already, and there are many of those
        return len(words) <= ENOUGH_TEXT and (not words or draft.raw.role == "page" or draft.flat >= DRAWN)

    def _read(self, image: Image.Image) -> str:
        assert self._models.ocr is not None
        lines = [line for line in self._models.ocr.read(image) if line.confidence >= MIN_OCR_CONFIDENCE]
        return clean(picture_text(lines, image))

    def _embed(self, texts: list[str]) -> np.ndarray:
        if not texts:
            return np.zeros((0, self._models.text.dim), dtype=np.float32)
        with self._report.timed("text"):
            vectors = np.asarray(self._models.text.embed_texts(texts), dtype=np.float32)
        if vectors.shape != (len(texts), self._models.text.dim):
            raise IndexMismatch(
                f"The text embedder {self._models.text.id} gave vectors of shape {vectors.shape}.",
                remedy="Check its weights: foveal models verify",
            )
        return vectors

    def _row(self, draft: Draft, vectors: np.ndarray) -> DocumentRow | str:
        if bad_rows(vectors).any() or (draft.features is not None and bad_rows(draft.features[None, :]).any()):
            return "an embedder returned a zero or non-finite vector for it"
        image = None
        if draft.ref is not None and draft.features is not None:
            image = ImageRow(draft.ref, draft.role, draft.labels, draft.features, self._labels.of(draft.labels))
        raw = draft.raw
        document = Document(
            id=raw.id, title=raw.title, text=raw.text, image=draft.ref.sha256 if draft.ref else None,
            ocr=draft.ocr, labels=_label_words(draft), url=raw.url, source=raw.source, licence=raw.licence,
            page=raw.page, meta=raw.meta,
        )  # fmt: skip
        chunks = tuple(
            ChunkRow(part, start, end, body, vector)
            for (part, start, end, body), vector in zip(draft.chunks, vectors, strict=True)
        )
        return DocumentRow(document, raw.name, chunks, image)


def _pieces(draft: Draft) -> Iterator[tuple[Part, int, int, str]]:
    """Chunks of every part: (part, start, end, indexed words). A document without any gets one of its
    title."""
    any_piece = False
    parts: tuple[tuple[Part, str], ...] = (
        ("text", draft.raw.text),
        ("ocr", draft.ocr),
        ("labels", _label_words(draft)),
    )
    for part, words in parts:
        for span in chunk_spans(words):
            body = words[span.start : span.end]
            any_piece = True
            yield part, span.start, span.end, f"{span.heading} {body}" if span.heading else body
    if not any_piece:
        yield "text", 0, 0, ""


def _label_words(draft: Draft) -> str:
    if draft.role != "picture":
        return ""
    kept = [label for label in draft.labels[:LABELS_KEPT] if label.probability >= LABEL_PROBABILITY]
    return "\n".join(f"{label.name}: {label.gloss}" for label in kept)


def _without_picture(raw: RawDocument) -> RawDocument:
    from dataclasses import replace

    return replace(raw, picture=None)


def _groups(drafts: Sequence[Draft]) -> Iterator[list[Draft]]:
    group: list[Draft] = []
    pixels = 0
    for draft in drafts:
        assert draft.ref is not None
        size = draft.ref.width * draft.ref.height
        if group and (pixels + size > GROUP_PIXELS or len(group) == 64):
            yield group
            group, pixels = [], 0
        group.append(draft)
        pixels += size
    if group:
        yield group


def _flat_share(image: Image.Image) -> float:
    """Share of the picture that has its most common colour (16 levels a channel): high for drawings and
    charts."""
    small = np.asarray(image.resize((64, 64)).convert("RGB"), dtype=np.uint16) >> 4
    codes = (small[..., 0] << 8) | (small[..., 1] << 4) | small[..., 2]
    return float(np.bincount(codes.ravel()).max() / codes.size)
