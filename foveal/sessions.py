"""Sessions: what was asked, shown and found in earlier turns, kept in ``<home>/sessions.db``.

A turn is written in one transaction when its answer is there, so a session is always as some finished turn left
it. What a follow-up needs (entities, identified pictures, sources) is read from the answers, not kept twice.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from foveal.agents.answerer import tidy
from foveal.agents.entities import Past, entities_of
from foveal.errors import BadInput, StorageFull, StoreUnavailable, ThreadBusy
from foveal.tools.runs import codec
from foveal.tools.runs.database import translated
from foveal.tools.runs.lease import Lease
from foveal.types import Answer, Evidence, ImageRef, SubQuestion

NAME = "sessions.db"
VERSION = 1
"""``user_version`` of the file; another number is refused."""
BUSY_SECONDS = 10.0
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OURS = re.compile(r"t\d+:")
TABLES = """
CREATE TABLE sessions (id TEXT PRIMARY KEY, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, pictures TEXT NOT NULL);
CREATE TABLE turns (
    session TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE, number INTEGER NOT NULL, asked_at TEXT NOT NULL,
    question TEXT NOT NULL, standalone TEXT NOT NULL, images TEXT NOT NULL, added TEXT NOT NULL, answer TEXT NOT NULL,
    PRIMARY KEY (session, number)
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Source:
    """Something that answers of a session cited; *n* counts through the session, *turns* are where."""

    n: int
    doc_id: str
    title: str
    url: str | None
    turns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """One question of a session. *images* were looked at, *added* (sha256) came with it; *answer* is the JSON form."""

    number: int
    asked_at: str
    question: str
    standalone: str
    images: tuple[ImageRef, ...]
    added: tuple[str, ...]
    answer: Mapping[str, Any]

    def result(self) -> Answer:
        """Return the answer as the value it was."""
        return codec.load(Answer, {key: value for key, value in self.answer.items() if key != "schema"})

    def past(self) -> Past:
        """Return what a follow-up may refer to."""
        plan = self.answer["plan"]
        # what was found, not the sentence that a model may have made of it
        said = tidy(plan[-1]["answer"] or "") if plan and self.answer["status"] == "answered" else ""
        return Past(
            self.standalone,
            said,
            tuple(i.sha256 for i in self.images),
            tuple(s["image"] for s in plan if s["tool"] == "none" and s["image"] and s["status"] == "answered"),
            entities_of(self.standalone, said, plan),
        )

    def identified(self) -> dict[str, SubQuestion]:
        """Return the answered ``identify`` steps by picture, their evidence ids told apart by the turn."""
        return {
            step["image"]: codec.load(SubQuestion, step).having(
                evidence_ids=tuple(self._told_apart(e) for e in step["evidence_ids"])
            )
            for step in self.answer["plan"]
            if step["purpose"] == "identify" and step["status"] == "answered" and step["image"]
        }

    def evidence(self) -> dict[str, Evidence]:
        """Return the turn's ledger, its ids told apart by the turn."""
        found = (codec.load(Evidence, row) for row in self.answer["evidence"])
        return {(name := self._told_apart(e.id)): replace(e, id=name) for e in found}

    def _told_apart(self, evidence_id: str) -> str:
        return evidence_id if _OURS.match(evidence_id) else f"t{self.number}:{evidence_id}"


@dataclass(frozen=True, slots=True)
class Session:
    """A session as its last turn left it; *pictures* are those given so far, oldest first."""

    id: str
    pictures: tuple[ImageRef, ...] = ()
    turns: tuple[Turn, ...] = ()
    updated_at: str = ""

    def past(self) -> tuple[Past, ...]:
        """Return the earlier turns, oldest first."""
        return tuple(turn.past() for turn in self.turns)

    def fresh(self) -> tuple[int, ...]:
        """Return the positions of pictures that no turn has looked at yet."""
        seen = {image.sha256 for turn in self.turns for image in turn.images}
        return tuple(n for n, picture in enumerate(self.pictures) if picture.sha256 not in seen)

    def known(self, images: Sequence[ImageRef]) -> tuple[dict[str, SubQuestion], dict[str, Evidence]]:
        """Return what earlier turns identified in *images*, and the evidence for it."""
        steps: dict[str, SubQuestion] = {}
        ledger: dict[str, Evidence] = {}
        wanted = {image.sha256 for image in images}
        for turn in self.turns:
            steps |= {sha: step for sha, step in turn.identified().items() if sha in wanted}
            ledger |= turn.evidence()
        return steps, {e: ledger[e] for step in steps.values() for e in step.evidence_ids if e in ledger}

    def with_pictures(self, given: Sequence[ImageRef]) -> Session:
        """Return the session with the pictures of *given* that it does not have yet."""
        have = {picture.sha256 for picture in self.pictures}
        new = {picture.sha256: picture for picture in given if picture.sha256 not in have}
        return replace(self, pictures=(*self.pictures, *new.values()))

    def sources(self) -> tuple[Source, ...]:
        """Return what the answers cited, in order of first use."""
        found: dict[tuple[str, str], Source] = {}
        for turn in self.turns:
            for cited in turn.answer["citations"]:
                key = (cited["doc_id"], cited["title"])
                known = found.get(key) or Source(len(found) + 1, *key, cited["url"], ())
                found[key] = replace(known, turns=tuple(dict.fromkeys([*known.turns, turn.number])))
        return tuple(found.values())


class SessionStore:
    """``<home>/sessions.db``. All methods block shortly; safe for several threads and several processes.

    All raise StoreUnavailable (damaged, of another version, not writable) and StorageFull.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._path = home / NAME

    def sessions(self, limit: int = 50) -> list[Session]:
        """Return the sessions used last, newest first."""
        with self._open() as db:
            names = db.execute("SELECT id FROM sessions ORDER BY updated_at DESC, rowid DESC LIMIT ?", (limit,))
            return [self._read(db, name) for (name,) in names.fetchall()]

    def load(self, name: str) -> Session:
        """Return session *name*; one that was never used is empty. Raises BadInput for what cannot be an id."""
        with self._open() as db:
            return self._read(db, checked_id(name))

    def keep(self, name: str, pictures: Sequence[ImageRef], turn: Turn | None = None) -> None:
        """Write the session's *pictures* and, in the same transaction, a new *turn*. Raises ThreadBusy."""
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        with self._open() as db:
            db.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET updated_at = excluded.updated_at, pictures = excluded.pictures",
                (checked_id(name), now, now, _pictures(pictures)),
            )
            if turn is None:
                return
            last = db.execute("SELECT coalesce(max(number), 0) FROM turns WHERE session = ?", (name,)).fetchone()[0]
            if turn.number != last + 1:
                raise _busy(name)
            row = (turn.number, turn.asked_at, turn.question, turn.standalone, _pictures(turn.images))
            answer = codec.dump(turn.answer)
            db.execute(
                "INSERT INTO turns VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (name, *row, json.dumps(turn.added), answer)
            )

    def undo(self, name: str) -> Turn | None:
        """Take back the last turn and the pictures that came with it; return it, or None when there is none."""
        with self._open() as db:
            session = self._read(db, checked_id(name))
            if not session.turns:
                return None
            turn = session.turns[-1]
            left = [picture for picture in session.pictures if picture.sha256 not in turn.added]
            db.execute("DELETE FROM turns WHERE session = ? AND number = ?", (name, turn.number))
            db.execute("UPDATE sessions SET pictures = ? WHERE id = ?", (_pictures(left), name))
            return turn

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Keep others from taking a turn of session *name* meanwhile. Raises ThreadBusy."""
        lease = Lease(self._home, f"session {checked_id(name)}")
        try:
            lease.__enter__()
        except ThreadBusy:
            raise _busy(name) from None
        try:
            yield
        finally:
            lease.__exit__(None, None, None)

    def _read(self, db: sqlite3.Connection, name: str) -> Session:
        row = db.execute("SELECT pictures, updated_at FROM sessions WHERE id = ?", (name,)).fetchone()
        if row is None:
            return Session(name)
        turns = db.execute(
            "SELECT number, asked_at, question, standalone, images, added, answer FROM turns"
            " WHERE session = ? ORDER BY number",
            (name,),
        )
        return Session(name, _read_pictures(row[0]), tuple(_read_turn(*turn) for turn in turns), row[1])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Give one transaction; it is taken back when the block raises."""
        aside = f"Move {self._path} away; a new one is made."
        try:
            with translated(self._path):
                self._home.mkdir(parents=True, exist_ok=True)
                db = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
                try:
                    db.execute("PRAGMA foreign_keys = ON")
                    db.execute("BEGIN IMMEDIATE")
                    version = db.execute("PRAGMA user_version").fetchone()[0]
                    if version == 0:
                        for statement in TABLES.split(";\n"):
                            db.execute(statement)
                        db.execute(f"PRAGMA user_version = {VERSION}")
                    elif version != VERSION:
                        raise StoreUnavailable(
                            f"{self._path} was written by another version of Foveal (schema {version}, ours {VERSION})."
                        )
                    yield db
                    db.execute("COMMIT")
                finally:
                    db.close()  # takes back what was not committed
        except ValueError as error:  # JSON, or values of another shape
            raise StoreUnavailable(f"{self._path} is damaged: {error}.", remedy=aside) from error
        except StorageFull as error:
            raise StorageFull(error.message) from error
        except StoreUnavailable as error:
            raise StoreUnavailable(error.message, remedy=aside) from error


def checked_id(name: str) -> str:
    """Return *name* if it can be a session's id. Raises BadInput."""
    if not _ID.fullmatch(name):
        raise BadInput(
            f"{name!r} cannot be the name of a session.", remedy="Use letters, digits, `-`, `_` and `.`, at most 64."
        )
    return name


def _busy(name: str) -> ThreadBusy:
    return ThreadBusy(
        f"Session {name} is answering another question right now.", remedy="Wait until it has finished, then ask again."
    )


def _pictures(pictures: Sequence[ImageRef]) -> str:
    return codec.dump([asdict(picture) for picture in pictures])


def _read_pictures(text: str) -> tuple[ImageRef, ...]:
    return tuple(codec.load(ImageRef, row) for row in json.loads(text))


def _read_turn(number: int, at: str, question: str, standalone: str, images: str, added: str, answer: str) -> Turn:
    pictures = _read_pictures(images)
    return Turn(number, at, question, standalone, pictures, tuple(json.loads(added)), json.loads(answer))
