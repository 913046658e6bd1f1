"""What a web is to be frozen for, out of recordings of runs: every search, page and picture that they asked for.

A question of several steps writes its later queries out of what the earlier ones found, so only a run tells them.
"""

from __future__ import annotations

from pathlib import Path

from foveal.errors import BadInput
from foveal.tools.freeze.wanted import Wanted
from foveal.tools.runs import codec
from foveal.tools.tape.file import SUFFIX, read_tape
from foveal.types import WebQuery


def wanted_of(folder: Path) -> Wanted:
    """Return what the recordings in *folder* asked of the web, each once. Blocking. Raises BadInput, RunMismatch."""
    searches: dict[WebQuery, None] = {}
    urls: dict[str, dict[str, None]] = {"read": {}, "picture": {}}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        for call in read_tape(path).of("call"):
            asked = call["request"]
            if call["part"] == "web" and call["method"] == "search":
                searches.setdefault(codec.load(WebQuery, asked["query"]))
            elif call["part"] == "web" and call["method"] in urls:
                urls[call["method"]].setdefault(asked["url"])
    if not searches and not any(urls.values()):
        raise BadInput(
            f"No recording in {folder} asked the web anything.",
            remedy="Record runs with `foveal eval run QUESTIONS.jsonl --web … --record DIR`.",
        )
    # a picture cannot be sent again: what was recorded of searches with one stays in the recordings
    words = tuple(query for query in searches if query.image is None)
    return Wanted(words, tuple(urls["read"]), tuple(urls["picture"]))
