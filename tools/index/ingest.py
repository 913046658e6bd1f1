"""Brings sources into a collection: only what changed, a batch at a time, each batch whole or not at all."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from foveal.errors import BadInput, StorageFull
from foveal.tools.index.chunk import CHUNKER
from foveal.tools.index.discover import Sources, discover, units
from foveal.tools.index.enrich import Blobs, Draft, Embedders, Enricher, OcrMode
from foveal.tools.index.project import spaces_of, sync
from foveal.tools.index.projection import Projection
from foveal.tools.index.readers import RawDocument, Unit, read, title_of
from foveal.tools.index.report import IngestReport
from foveal.tools.index.store import DocumentRow, Source, Store, UnitRow

BATCH_DOCUMENTS = 64
PAGE_GROUP = 32

Progress = Callable[[int, int, str], None]
"""Called with (sources done, sources in all, what is being done now)."""


class Ingestor:
    """One run of ``add``. The caller holds the writer lock and has checked the embedders against the
    store."""

    def __init__(
        self,
        store: Store,
        projection: Projection,
        embedders: Embedders,
        blobs: Blobs,
        *,
        ocr: OcrMode = "auto",
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
    ) -> None:
        self._store = store
        self._projection = projection
        self._spaces = list(spaces_of(store.meta()))
        self._progress = progress or (lambda done, total, stage: None)
        self._cancel = cancel or threading.Event()
        self._fingerprint = embedders.fingerprint(CHUNKER, ocr)
        self.report = IngestReport()
        self._enricher = Enricher(embedders, blobs, self.report, ocr=ocr)
        self._ledger = store.ledger()
        self._gone = {s.digest: s for s in self._ledger.values() if s.kind != "row" and not Path(s.path).exists()}
        self._seen: set[str] = set()
        self._done = 0
        self._total = 0

    def run(self, paths: Sequence[Path]) -> IngestReport:
        """Add *paths*. Raises StorageFull; what was finished before stays."""
        began = time.perf_counter()
        self._progress(0, 0, "finding files")
        found = discover(list(paths), self.report, without=self._store.folder.absolute())
        self._total = found.total
        try:
            self._add_all(found)
            if not self.report.cancelled:
                self._remove_gone(found)
                sync(self._store, self._projection, self._spaces)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise StorageFull("The disk is full: not everything could be added.") from error
            raise
        finally:
            self.report.seconds = time.perf_counter() - began
        return self.report

    def _add_all(self, found: Sources) -> None:
        batch: list[tuple[Unit, list[Draft]]] = []
        waiting = 0
        for unit in units(found, self._fail):
            if self._cancel.is_set():
                self.report.cancelled = True
                break
            self._seen.add(unit.uri)
            if self._is_known(unit):
                self._advance("comparing")
                continue
            if unit.kind == "pdf":
                # many pages: not together with others, and never all in memory
                self._write_batch(batch)
                batch, waiting = [], 0
                self._write_long(unit)
                continue
            drafts = self._drafts(unit)
            if drafts is not None:
                batch.append((unit, drafts))
                waiting += len(drafts)
            if waiting >= BATCH_DOCUMENTS:
                self._write_batch(batch)
                batch, waiting = [], 0
        if not self.report.cancelled:
            self._write_batch(batch)

    def _is_known(self, unit: Unit) -> bool:
        """Whether nothing is to be embedded: the same source, or the same file that has another place now."""
        known = self._ledger.get(unit.uri)
        if known is not None and (known.digest, known.fingerprint) == (unit.digest, self._fingerprint):
            self.report.unchanged += 1
            if known.root != unit.root:
                self._store.move(unit.uri, replace(known, root=unit.root))
            return True
        old = self._gone.get(unit.digest)
        if known is None and old is not None and unit.kind == old.kind and old.fingerprint == self._fingerprint:
            new = replace(old, uri=unit.uri, root=unit.root, path=str(unit.path))
            names = (Path(old.path).name, unit.path.name), (title_of(Path(old.path)), title_of(unit.path))
            self._store.move(old.uri, new, url=unit.path.as_uri(), renamed=names)
            del self._gone[unit.digest]
            self._ledger.pop(old.uri, None)
            self.report.moved += 1
            return True
        return False

    def _drafts(self, unit: Unit) -> list[Draft] | None:
        try:
            drafts = [self._draft(unit, raw) for raw in read(unit)]
        except (BadInput, OSError) as error:
            self._reject(unit, error)
            return None
        return drafts

    def _draft(self, unit: Unit, raw: RawDocument) -> Draft:
        owner = self._store.owner_of(raw.id)
        if owner not in (None, unit.uri) and unit.kind != "row":
            raw = replace(raw, id=f"{raw.id}-{unit.digest[:8]}")
        return self._enricher.draft(raw)

    def _write_batch(self, batch: list[tuple[Unit, list[Draft]]]) -> None:
        if not batch:
            return
        rows = self._enricher.rows([draft for _, drafts in batch for draft in drafts], self._stage)
        at = 0
        finished: list[UnitRow] = []
        for unit, drafts in batch:
            own = rows[at : at + len(drafts)]
            at += len(drafts)
            self._note(unit, drafts)
            row = self._unit_row(unit, own)
            if row is not None:
                finished.append(row)
        self._write(finished)

    def _write_long(self, unit: Unit) -> None:
        """A file of many pages: looked at in groups, written in one transaction."""
        rows: list[DocumentRow | str] = []
        group: list[Draft] = []
        try:
            for raw in read(unit):
                if self._cancel.is_set():
                    self.report.cancelled = True
                    return
                group.append(self._draft(unit, raw))
                if len(group) == PAGE_GROUP:
                    rows += self._enricher.rows(group, self._stage)
                    group = []
                pages = int(raw.meta.get("pages", 0))
                if raw.page == 1 and pages > _page_limit():
                    self.report.notices.append((str(unit.path), f"only the first {_page_limit()} of {pages} pages"))
            rows += self._enricher.rows(group, self._stage)
        except (BadInput, OSError) as error:
            self._reject(unit, error)
            return
        row = self._unit_row(unit, rows)
        self._write([row] if row else [])

    def _unit_row(self, unit: Unit, rows: Sequence[DocumentRow | str]) -> UnitRow | None:
        problem = next((row for row in rows if isinstance(row, str)), None)
        if problem is not None:
            self._fail(unit.uri, problem)
            return None
        source = Source(unit.uri, unit.root, unit.digest, self._fingerprint, unit.kind, str(unit.path))
        return UnitRow(source, tuple(row for row in rows if isinstance(row, DocumentRow)))

    def _write(self, finished: list[UnitRow]) -> None:
        """Rows first, then the projection: a crash in between leaves rows that open() projects."""
        if not finished:
            return
        self._stage("writing")
        taken = {
            row.source.uri
            for row in finished
            if row.source.uri in self._ledger or any(self._store.owner_of(d.document.id) for d in row.documents)
        }
        self._store.replace(finished)
        for row in finished:
            if row.source.uri in taken:
                self.report.replaced += 1
            else:
                self.report.added += 1
            self.report.docs += len(row.documents)
            self.report.pictures += sum(d.image is not None for d in row.documents)
            self._advance("writing")
        sync(self._store, self._projection, self._spaces)

    def _remove_gone(self, found: Sources) -> None:
        """What a root had before and has no more: deleted files, deleted lines."""
        roots = {str(root) for root in found.roots} | {str(path) for path, _, kind in found.files if kind == "corpus"}
        broken = {source.rpartition(":")[0] for source, _ in self.report.failed}
        gone = [
            s.uri
            for s in self._ledger.values()
            if s.uri not in self._seen
            and (s.root in roots or any(s.path.startswith(f"{root}/") for root in roots))
            # a line that cannot be read now may be one that is in the collection
            and (s.path in roots and s.path not in broken if s.kind == "row" else not Path(s.path).exists())
        ]
        if gone:
            self._store.remove_sources(gone)
            self.report.removed += len(gone)

    def _note(self, unit: Unit, drafts: Sequence[Draft]) -> None:
        notices = [unit.notice, *(draft.notice for draft in drafts)]
        self.report.notices.extend((unit.uri, notice) for notice in notices if notice)

    def _reject(self, unit: Unit, error: BadInput | OSError) -> None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise error
        self._fail(unit.uri, error.message if isinstance(error, BadInput) else str(error))

    def _fail(self, source: str, reason: str) -> None:
        self.report.failed.append((source, reason))
        self._advance("reading")

    def _advance(self, stage: str) -> None:
        self._done += 1
        self._progress(self._done, self._total, stage)

    def _stage(self, stage: str) -> None:
        self._progress(self._done, self._total, stage)


def _page_limit() -> int:
    from foveal.tools.index.pdf import MAX_PAGES

    return MAX_PAGES
