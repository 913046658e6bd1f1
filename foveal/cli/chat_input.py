"""What a person types or drops into a chat: lines, commands, and paths as terminals write them."""

from __future__ import annotations

import contextlib
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

PROMPT = "foveal> "
_COMMAND = re.compile(r"^/([a-z]+)(?:\s+(.*))?$", re.S)


def lines(*, prompted: bool) -> Iterator[str]:
    """Yield the lines of standard input without outer white space; *prompted* asks for each.

    A terminal gets line editing and history where Python has the readline library. Ends with the input.
    """
    if prompted:
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401  (input() uses it once it is loaded)
    elif hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="replace")
    while True:
        if prompted and sys.stdout.isatty():
            try:
                line = input(PROMPT)
            except EOFError:
                return
        else:
            if prompted:
                print(PROMPT, end="", file=sys.stderr, flush=True)
            line = sys.stdin.readline()
            if not line:
                return
        if line := line.strip():
            yield line


def command(line: str) -> tuple[str, str] | None:
    """Return the name and the rest of a line such as ``/image cat.png``; None for a question or a path."""
    found = _COMMAND.match(line)
    return (found[1], (found[2] or "").strip()) if found and not is_file(line) else None


def is_file(text: str) -> bool:
    """Say whether *text* is the path of a file here."""
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # a name too long, a NUL
        return False


def paths(text: str) -> list[str]:
    """Return the paths in *text*: quoted, with escaped spaces, or as ``file:`` addresses, as a drop leaves them.

    A text that is a file's name as it stands, blanks and quotes and all, is that one path.
    """
    if is_file(text):
        return [text]
    try:
        words = shlex.split(text)
    except ValueError:  # an apostrophe in a name
        words = [text]
    return [_local(word) for word in words]


def dropped(line: str) -> list[str]:
    """Return the paths of a line that holds nothing but files that are here; otherwise none."""
    found = paths(line)
    return found if found and all(is_file(path) for path in found) else []


def _local(word: str) -> str:
    address = urlsplit(word) if word.lower().startswith("file:") else None
    if address is not None and address.netloc in ("", "localhost"):
        return unquote(address.path)
    return str(Path(word).expanduser()) if word.startswith("~/") else word
