"""What a web is to be frozen for: searches and pages, read from a file of questions, queries or addresses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from foveal.errors import BadInput
from foveal.tools.search.results import clean_url
from foveal.types import SearchKind, WebQuery

LINES = 'Give questions as JSONL ({"question": …} a line), or a text file with a query or an address on each line.'

_PICTURE = re.compile(r"\.(png|jpe?g|webp|gif|bmp|tiff?)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The searches to make and what to keep beside what they find, each once, in the order of the file."""

    searches: tuple[WebQuery, ...]
    urls: tuple[str, ...]
    """Addresses of pages."""
    pictures: tuple[str, ...] = ()
    """Addresses of pictures, known by their endings."""


def read_wanted(
    path: Path,
    *,
    kinds: Sequence[SearchKind] = ("text",),
    k: int = 10,
    queries: Callable[[str], Sequence[str]] = lambda question: (question,),
) -> Wanted:
    """Return what the file *path* asks for; *queries* writes the queries of a question. Raises BadInput.

    Lines of a text file that are empty or begin with ``#`` are passed over.
    """
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise BadInput(f"{path} cannot be read: {reason}.", remedy=LINES) from None
    words: dict[str, None] = {}
    urls: dict[str, None] = {}
    for number, line in enumerate((line.strip() for line in lines), 1):
        if line.startswith("{"):
            words.update(dict.fromkeys(queries(_question(path, number, line))))
        elif line.startswith(("http://", "https://")):
            url = clean_url(line)
            if url is None:
                raise BadInput(f"{path}:{number}: {line[:200]!r} is no address.", remedy=LINES)
            urls[url] = None
        elif line and not line.startswith("#"):
            words[line] = None
    if not words and not urls:
        raise BadInput(f"{path} asks for nothing.", remedy=LINES)
    searches = tuple(WebQuery(text, kind, k) for text in words for kind in kinds)
    pictures = tuple(url for url in urls if _PICTURE.search(urlsplit(url).path))
    return Wanted(searches, tuple(url for url in urls if url not in pictures), pictures)


def _question(path: Path, number: int, line: str) -> str:
    try:
        question = json.loads(line)["question"]
    except (ValueError, KeyError) as error:
        reason = "there is no `question`" if isinstance(error, KeyError) else "not JSON"
        raise BadInput(f"{path}:{number}: {reason}.", remedy=LINES) from error
    if not isinstance(question, str) or not question.strip():
        raise BadInput(f"{path}:{number}: `question` must be words.", remedy=LINES)
    return question.strip()
