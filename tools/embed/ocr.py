"""Text in pictures: PP-OCRv6 (small) through RapidOCR and onnxruntime."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from foveal.errors import ModelUnavailable
from foveal.tools.embed.weights import path_of
from foveal.types import OcrLine, Region

DETECT_SIDE = 960
"""Longest side in pixels at which text is looked for. Pictures are never enlarged for it, as the library
would by default: that costs five times as long on photos and finds text that is not there."""
DETECT_SIDE_FINE = 1600
"""The same when a first look found small print."""
_SMALL_PRINT = 14.0
_KEEP_SIDE = 3200
_MIN_CONFIDENCE = 0.5


class PaddleOcr:
    """Reads printed text. Satisfies :class:`~foveal.protocols.OcrReader`; one picture at a time.

    The engine is loaded on first use from the packaged, verified files. *threads* limits onnxruntime.
    """

    id = "pp-ocrv6-small"

    def __init__(self, *, cache_dir: Path | None = None, threads: int | None = None) -> None:
        self._cache_dir = cache_dir
        self._threads = threads
        self._lock = threading.Lock()
        self._engine: Any = None

    def read(self, image: Image.Image) -> list[OcrLine]:
        """Return the lines of text in reading order, boxes in pixels of *image*. Blocking.

        A picture without text costs one run of the detector. Raises ModelUnavailable, WeightsCorrupt.
        """
        width, height = image.size
        shrink = min(1.0, _KEEP_SIDE / max(width, height, 1))
        small = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        picture = image.convert("RGB") if shrink == 1.0 else image.convert("RGB").resize(small)
        bgr = np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])
        with self._lock:
            if self._engine is None:
                self._engine = self._load()
            boxes = self._detect(bgr)
            found = self._recognise(bgr, boxes)
        scale = (width / small[0], height / small[1])
        return in_reading_order(
            [
                OcrLine(text.strip(), _region(box, scale, image.size), float(confidence))
                for box, (text, confidence) in zip(boxes, found, strict=True)
                if confidence >= _MIN_CONFIDENCE and text.strip()
            ]
        )

    def _detect(self, bgr: np.ndarray) -> np.ndarray:
        """Return the corners of text lines, [n, 4, 2], looking closer where the print is small."""
        boxes = self._detect_at(bgr, DETECT_SIDE)
        longest = max(bgr.shape[:2])
        if len(boxes) > 3 and longest > DETECT_SIDE:
            seen = _line_height(boxes) * DETECT_SIDE / longest
            if seen < _SMALL_PRINT:
                return self._detect_at(bgr, DETECT_SIDE_FINE)
        return boxes

    def _detect_at(self, bgr: np.ndarray, side: int) -> np.ndarray:
        detector = self._engine._load_det_model()
        detector.limit_side_len = side
        padded, top, left = _padded(bgr)
        boxes = detector(padded).boxes
        if boxes is None:
            return np.zeros((0, 4, 2), dtype=np.float32)
        return np.asarray(boxes, dtype=np.float32) - np.array([left, top], dtype=np.float32)

    def _recognise(self, bgr: np.ndarray, boxes: np.ndarray) -> list[tuple[str, float]]:
        """Return text and confidence for each box."""
        if len(boxes) == 0:
            return []
        from rapidocr.ch_ppocr_rec import TextRecInput

        crops = self._engine.crop_text_regions(bgr, boxes)
        result = self._engine._load_rec_model()(TextRecInput(img=crops))
        if result.txts is None:
            return [("", 0.0)] * len(boxes)
        return list(zip(result.txts, result.scores, strict=True))

    def _load(self) -> Any:
        detect = path_of("ocr-detect", cache_dir=self._cache_dir)
        recognise = path_of("ocr-recognise", cache_dir=self._cache_dir)
        threads = -1 if self._threads is None else self._threads
        try:
            from rapidocr import RapidOCR

            return RapidOCR(
                params={
                    "Global.log_level": "critical",
                    "Global.use_cls": False,
                    "Det.model_path": str(detect),
                    "Det.limit_type": "max",
                    "Rec.model_path": str(recognise),
                    "EngineConfig.onnxruntime.intra_op_num_threads": threads,
                    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                }
            )
        except Exception as error:  # the library raises its own and onnxruntime's exceptions
            raise ModelUnavailable(
                f"The text reader cannot be loaded: {type(error).__name__}: {error}.",
                remedy="Run: pip install --force-reinstall 'foveal[embedded]'",
            ) from error


def in_reading_order(lines: Sequence[OcrLine]) -> list[OcrLine]:
    """Sort *lines* by row, then from left to right; a row holds what overlaps its first line by half."""
    rows: list[list[OcrLine]] = []
    for line in sorted(lines, key=lambda line: (line.box.y0 + line.box.y1, line.box.x0)):
        if rows and _shares_row(rows[-1][0].box, line.box):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda line: line.box.x0)]


def _shares_row(first: Region, other: Region) -> bool:
    overlap = min(first.y1, other.y1) - max(first.y0, other.y0)
    return overlap * 2 > max(first.y1 - first.y0, other.y1 - other.y0)


def _line_height(boxes: np.ndarray) -> float:
    """Return the median height of text boxes [n, 4, 2]: their shorter side."""
    across = np.linalg.norm(boxes[:, 0] - boxes[:, 1], axis=1)
    down = np.linalg.norm(boxes[:, 1] - boxes[:, 2], axis=1)
    return float(np.median(np.minimum(across, down)))


def _padded(bgr: np.ndarray, least: int = 64) -> tuple[np.ndarray, int, int]:
    """Return the picture at *least* pixels a side, its edges repeated, and how far it moved."""
    height, width = bgr.shape[:2]
    top, left = max(0, least - height) // 2, max(0, least - width) // 2
    bottom, right = max(0, least - height) - top, max(0, least - width) - left
    if not (top or left or bottom or right):
        return bgr, 0, 0
    return np.pad(bgr, ((top, bottom), (left, right), (0, 0)), mode="edge"), top, left


def _region(box: np.ndarray, scale: tuple[float, float], size: tuple[int, int]) -> Region:
    """Return the upright box around *box* [4, 2] in pixels of the original, with an area of 1 at least."""
    x0, y0 = np.floor(box.min(axis=0) * scale)
    x1, y1 = np.ceil(box.max(axis=0) * scale)
    left = min(max(int(x0), 0), size[0] - 1)
    top = min(max(int(y0), 0), size[1] - 1)
    return Region(left, top, max(left + 1, min(int(x1), size[0])), max(top + 1, min(int(y1), size[1])))
