"""Loaders of the field's data sets: one module each, all giving the same questions, documents and bad rows.

``load("chartqa", path)`` reads one into memory, ``convert("chartqa", path, out)`` writes a folder that
``foveal eval run`` and ``foveal index add`` take. Parsing is tolerant of fields and strict about silence: a row that
is not used is reported with its place and the reason.
"""

from foveal.evaluation.loaders.convert import Conversion, convert
from foveal.evaluation.loaders.items import Document
from foveal.evaluation.loaders.registry import AUTO, FORMATS, Loaded, guess, load
from foveal.evaluation.loaders.source import Format, Source

__all__ = ["AUTO", "FORMATS", "Conversion", "Document", "Format", "Loaded", "Source", "convert", "guess", "load"]
