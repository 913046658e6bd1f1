"""``--save DIR``: ``answer.json``, ``trace.jsonl`` (one event a line) and ``report.md``."""

from __future__ import annotations

import json
from pathlib import Path

from foveal.cli.answer_view import report
from foveal.cli.output import clean
from foveal.errors import BadInput, StorageFull
from foveal.types import Answer, Event


class SavedRun:
    """Collects a run and writes it. The folder is made at once, so that a bad one is known before the run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._events: list[str] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "trace.jsonl").touch()
        except OSError as error:
            raise BadInput(
                f"--save {folder}: {error.strerror or error}.", remedy="Give a folder that can be written."
            ) from None

    def add(self, event: Event) -> None:
        """Keep *event*; the last one's answer goes to its own file."""
        data = dict(event.data)
        if isinstance(answer := data.get("answer"), Answer):
            data["answer"] = answer.as_dict()
        row = {"seq": event.seq, "type": event.type, "data": data}
        self._events.append(json.dumps(row, ensure_ascii=False, default=str))

    def finish(self, answer: Answer, index: Path | None) -> None:
        """Write the three files. Raises StorageFull."""
        texts = {
            "trace.jsonl": "".join(f"{row}\n" for row in self._events),
            "answer.json": json.dumps(answer.as_dict(), ensure_ascii=False, indent=2, default=str) + "\n",
            "report.md": clean(report(answer, index)),
        }
        for name, text in texts.items():
            try:
                (self._folder / name).write_bytes(text.encode("utf-8", "backslashreplace"))
            except OSError as error:
                raise StorageFull(f"{self._folder / name} cannot be written: {error.strerror or error}.") from None
