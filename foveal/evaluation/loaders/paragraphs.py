"""Paragraphs that multi-hop questions bring with them, named by what they say: titles alone are not unique."""

from __future__ import annotations

import hashlib

from foveal.evaluation.loaders.items import Document
from foveal.evaluation.loaders.source import Row


def paragraph_id(title: str, text: str) -> str:
    """Return an id that is the same wherever the paragraph occurs."""
    return f"{title}#{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def paragraph(row: Row, title: str, text: str, licence: str) -> Document:
    """Return the document of a paragraph. Raises Unusable for one that is empty."""
    return row.document(
        paragraph_id(title, text), title=title, text=text, source=row.stem, licence=licence if text else ""
    )
