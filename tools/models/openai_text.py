"""What a user sees of a reply: not the model's thoughts, not words it was given, and nothing after a stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

_OPEN, _CLOSE = "<think>", "</think>"


class Shown:
    """Cleans a reply, whole or while it is written. *begun* are words that it may repeat at its beginning."""

    def __init__(self, begun: str = "", stop: Sequence[str] = (), on_text: Callable[[str], None] | None = None) -> None:
        self._begun = begun
        self._stop = [sign for sign in stop if sign]
        self._held = max((len(sign) for sign in self._stop), default=1) - 1
        self._on_text = on_text
        self._raw = ""
        self._told = 0

    def take(self, piece: str) -> None:
        """Add a piece of the raw reply, and tell what of it is certain."""
        self._raw += piece
        text, ended = self._clean(self._raw)
        self._tell(text if ended else text[: max(0, len(text) - self._held)])

    def finish(self, raw: str) -> str:
        """Return the whole clean reply of the whole *raw* one, and tell what was still held back."""
        text, _ = self._clean(raw, final=True)
        self._tell(text)
        return text

    def _tell(self, text: str) -> None:
        if self._on_text is not None and len(text) > self._told:
            self._on_text(text[self._told :])
            self._told = len(text)

    def _clean(self, raw: str, *, final: bool = False) -> tuple[str, bool]:
        """Return the clean text, empty while its beginning may turn out to be something else, and whether it ended."""
        start = raw.lstrip()
        if start.startswith(_OPEN):
            raw = start = start.partition(_CLOSE)[2].lstrip()
        elif not final and _OPEN.startswith(start):
            return "", False
        if wanted := self._begun.strip():
            if start.casefold().startswith(wanted.casefold()):
                raw = start[len(wanted) :]
            elif not final and wanted.casefold().startswith(start.casefold()):
                return "", False
        ends = [at for sign in self._stop if (at := raw.find(sign)) >= 0]
        return (raw[: min(ends)], True) if ends else (raw, False)
