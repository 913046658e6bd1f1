"""A searchable collection in a folder: SQLite rows, a Chroma projection of them, and the pictures."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from foveal.errors import BadImage, BadInput, IndexLocked, IndexMismatch
from foveal.protocols import BlobStore, ImageEmbedder, TextEmbedder
from foveal.tools.embed.pages import PageEmbedder
from foveal.tools.embed.registry import in_one_space, spec_of
from foveal.tools.index import project
from foveal.tools.index.compose import ALPHA, BETA
from foveal.tools.index.enrich import Embedders, OcrMode
from foveal.tools.index.ingest import Ingestor, Progress
from foveal.tools.index.lock import WriterLock
from foveal.tools.index.options import SearchOptions
from foveal.tools.index.pages import PageSearch, write_pages
from foveal.tools.index.pictures import PictureSearch
from foveal.tools.index.projection import Projection
from foveal.tools.index.reembed import Reembedding, ReembedReport, meta_of
from foveal.tools.index.report import IngestReport, Stats, VerifyReport
from foveal.tools.index.rows import Rows
from foveal.tools.index.scope import Name, scope_in
from foveal.tools.index.search import TextSearch
from foveal.tools.index.store import Store
from foveal.tools.index.verify import verify
from foveal.types import Document, ImageHit, ImageRef, Scope, TextHit

T = TypeVar("T")
THREADS = 4
REMEMBERED_PICTURES = 256


class LocalCollection:
    """Implements :class:`foveal.protocols.Collection`. Make one with :meth:`open` or :meth:`create`.

    Searching needs no lock and sees each finished batch of a writer. ``add``, ``remove``, ``rebuild``,
    ``verify`` and ``stats`` block; call them in a thread from a coroutine.
    """

    def __init__(
        self, folder: Path, embedders: Embedders | None, pictures: BlobStore | None, options: SearchOptions
    ) -> None:
        from foveal.tools.images.store import FileBlobStore

        self.folder = folder
        self.blobs: Any = FileBlobStore(folder / "blobs")
        self._pictures = pictures
        self._options = options
        self._embedders = embedders
        self._rows = Rows(folder)
        self._guard = threading.RLock()
        self._executor = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="foveal-index")
        self._revision = -1
        self._used: tuple[str, dict[str, tuple[str, int]]] | None = None
        self._projection: Projection | None = None
        self._text: TextSearch | None = None
        self._looks: PictureSearch | None = None
        self._names: list[Name] = []
        self._features: dict[str, np.ndarray] = {}

    @classmethod
    def open(
        cls,
        path: str | Path,
        embedders: Embedders | None = None,
        *,
        pictures: BlobStore | None = None,
        options: SearchOptions = SearchOptions(),  # noqa: B008 - it is frozen
    ) -> LocalCollection:
        """Open an existing collection and repair what a crash left behind.

        Without *embedders* it can be verified, rebuilt, counted and removed from, not searched or added to.
        *pictures* is where the pictures of questions live, beside the collection's own.
        Raises IndexMissing, IndexCorrupt, IndexMismatch.
        """
        collection = cls(Path(path).absolute(), embedders, pictures, options)
        try:
            if embedders is not None:
                _check_embedders(collection._rows.meta(), embedders, collection.folder)
                collection._ready()
                collection._repair()
        except BaseException:
            collection.close()
            raise
        return collection

    @classmethod
    def create(
        cls,
        path: str | Path,
        embedders: Embedders,
        *,
        pictures: BlobStore | None = None,
        options: SearchOptions = SearchOptions(),  # noqa: B008 - it is frozen
    ) -> LocalCollection:
        """Open the collection in *path*, made first if there is none. Raises as :meth:`open`, and
        StorageFull."""
        folder = Path(path).absolute()
        Store(folder, create=True).close()
        return cls.open(folder, embedders, pictures=pictures, options=options)

    def close(self) -> None:
        """Let go of files and threads."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        with self._guard:
            if self._projection is not None:
                self._projection.close()
                self._projection = None
        self._rows.close()

    async def aclose(self) -> None:
        """Let go of files and threads."""
        await asyncio.to_thread(self.close)

    async def search_text(self, query: str, *, k: int = 10, scope: Scope | None = None) -> list[TextHit]:
        """Hybrid search over text chunks: dense, BM25 and named titles, fused by reciprocal rank."""
        return await self._run(lambda: t.search(query, k, scope) if (t := self._ready()[0]) else [])

    async def search_image(
        self, image: ImageRef, *, k: int = 10, roles: Sequence[str] = ("picture",)
    ) -> list[ImageHit]:
        """Documents whose picture looks like *image*. Charts and pages are asked for by *roles*."""

        def search() -> list[ImageHit]:
            looks = self._ready()[1]
            return looks.by_looks(self._look(image), k, roles) if looks and k > 0 else []

        return await self._run(search)

    async def search_pictures(self, description: str, *, k: int = 10) -> list[ImageHit]:
        """Documents with a picture that the words describe."""
        return await self._run(lambda: p.by_words(description, k) if (p := self._ready()[1]) else [])

    @property
    def composes(self) -> bool:
        """Whether pictures and words can be one query: the image embedder reads words too."""
        return self._embedders is not None and in_one_space(self._embedders.eye) is not None

    async def search_composed(
        self, image: ImageRef, text: str, *, caption: str = "", k: int = 10, alpha: float = ALPHA, beta: float = BETA
    ) -> list[ImageHit]:
        """Documents with a picture like *image*, which shows *caption*, but as *text* says (WeiMoCIR).

        Raises BadInput when no model puts pictures and words into one space (:attr:`composes`).
        """

        def search() -> list[ImageHit]:
            looks = self._ready()[1]
            if looks is None or k <= 0 or not text.strip():
                return []
            vector = self._look(image)
            return looks.composed(vector, text, caption, k, without=image.sha256, alpha=alpha, beta=beta)

        return await self._run(search)

    async def content(self) -> str:
        """What tells whether documents were added, replaced or removed since it was asked last."""
        query = (
            "SELECT (SELECT count(*) FROM documents), (SELECT max(rowid) FROM documents),"
            " (SELECT max(added_at) FROM sources)"
        )
        return await self._run(lambda: "/".join(map(str, self._rows.all(query)[0])))

    async def find_title(self, name: str, *, k: int = 3) -> list[Document]:
        """Documents titled *name* (folded), then those whose title begins with it."""
        return await self._run(lambda: self._rows.titled(name, k))

    async def document(self, doc_id: str) -> Document | None:
        """The whole document."""
        return await self._run(lambda: self._rows.document(doc_id))

    async def scope_of(self, question: str) -> Scope | None:
        """The document of this collection, and the page of it, that *question* names."""

        def find() -> Scope | None:
            self._ready()
            return scope_in(question, self._names)

        return await self._run(find)

    def add(
        self,
        paths: Sequence[str | Path],
        *,
        ocr: OcrMode = "auto",
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
    ) -> IngestReport:
        """Add files, folders and JSONL corpora; what is in already is left, what changed is replaced, what
        was deleted from a folder or corpus named here is removed.

        *progress* is called with (done, total, stage). Setting *cancel* ends it after the current batch.
        Raises IndexLocked, IndexMismatch, StorageFull; whatever was finished stays.
        """
        if self._embedders is None:
            raise BadInput("This collection was opened without embedders: nothing can be added.")
        with WriterLock(self.folder):
            store = Store(self.folder, create=True)
            try:
                _check_embedders(store.meta(), self._embedders, self.folder)
                if "text_dim" not in store.meta():
                    store.set_meta(meta_of(self._embedders.text, self._embedders.eye))
                self._ready()
                assert self._projection is not None
                project.repair(store, self._projection, list(project.spaces_of(store.meta())))
                return Ingestor(
                    store,
                    self._projection,
                    self._embedders,
                    self.blobs,
                    ocr=ocr,
                    progress=progress,
                    cancel=cancel,
                ).run([Path(path) for path in paths])
            finally:
                store.close()

    def remove(self, names: Sequence[str]) -> int:
        """Remove documents by id, or by the file, folder or corpus they came from; return how many
        documents."""
        with WriterLock(self.folder):
            store = Store(self.folder)
            try:
                before = self._rows.all("SELECT count(*) FROM documents")[0][0]
                ledger = store.ledger()
                for name in names:
                    place = str(Path(name).absolute())
                    sources = [u for u, s in ledger.items() if name == u or place in (u, s.root, s.path)]
                    sources += [u for u in ledger if u.startswith(f"{place}/")]
                    if sources:
                        store.remove_sources(dict.fromkeys(sources))
                    elif store.owner_of(name) is not None:
                        store.remove_documents([name])
                    else:
                        raise BadInput(f"Nothing in the collection is called {name}.", remedy="Name a file or an id.")
                with self._guard:
                    if self._projection is not None:
                        project.sync(store, self._projection, list(project.spaces_of(store.meta())))
                return int(before - self._rows.all("SELECT count(*) FROM documents")[0][0])
            finally:
                store.close()

    def rebuild(self) -> int:
        """Make the Chroma projection again from SQLite; return how many vectors it holds."""
        with WriterLock(self.folder), self._guard:
            if self._projection is not None:
                self._projection.close()
                self._projection, self._used, self._revision = None, None, -1
            store = Store(self.folder)
            try:
                return project.rebuild(store)
            finally:
                store.close()

    def reembed(
        self,
        text: TextEmbedder | None = None,
        eye: ImageEmbedder | None = None,
        *,
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
    ) -> ReembedReport:
        """Make the vectors again with other embedders, from the rows and pictures; None keeps the one in use.

        The old vectors serve until the new are whole. A run that was stopped goes on with the next call.
        *progress* is called with (done, total, stage); setting *cancel* ends it after the current batch.
        Raises Cancelled, IndexLocked, IndexCorrupt (a picture is lost), ModelError, StorageFull.
        """
        with WriterLock(self.folder):
            store = Store(self.folder)
            try:
                if "text_dim" not in store.meta():
                    raise BadInput(
                        f"The collection in {self.folder} is empty.", remedy="Add to it with the embedders you want."
                    )
                work = Reembedding(store, self.blobs, text, eye, progress=progress, cancel=cancel)
                try:
                    work.prepare()
                    with self._guard:
                        if self._projection is not None:
                            self._projection.close()
                        self._projection, self._used, self._revision, self._features = None, None, -1, {}
                        report = work.swap()
                        if self._embedders is not None:
                            used = self._embedders
                            self._embedders = replace(used, text=text or used.text, eye=eye or used.eye)
                        return report
                finally:
                    work.close()
            finally:
                store.close()

    def embed_pages(
        self, embedder: PageEmbedder, *, progress: Progress | None = None, cancel: threading.Event | None = None
    ) -> int:
        """Embed the tokens of every page and chart, for searches with that page embedder; return how many.

        Raises Cancelled, IndexLocked, ModelUnavailable, StorageFull; what was there before stays then.
        """
        with WriterLock(self.folder):
            return write_pages(self.folder, self._rows, self.blobs, embedder, progress=progress, cancel=cancel)

    def verify(self) -> VerifyReport:
        """Compare the two stores, vectors and pictures; nothing is changed."""
        return verify(self.folder, self._rows, self.blobs)

    def stats(self) -> Stats:
        """Counts and sizes."""
        meta = self._rows.meta()
        return Stats(
            documents=self._count("documents"),
            chunks=self._count("chunks"),
            pictures=dict(self._rows.all("SELECT role, n FROM centres WHERE n > 0")),
            sources=self._count("sources"),
            embedders={key: meta[key] for key in ("text_embedder", "image_embedder") if key in meta},
            bytes=sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file()),
        )

    async def _run(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    def _count(self, table: str) -> int:
        return int(self._rows.all(f"SELECT count(*) FROM {table}")[0][0])

    def _ready(self) -> tuple[TextSearch | None, PictureSearch | None]:
        """The searches, remade when another writer has rebuilt the projection or written for the first
        time."""
        with self._guard:
            revision = self._rows.revision()
            if revision == self._revision or self._embedders is None:
                return self._text, self._looks
            meta = self._rows.meta()
            spaces = project.spaces_of(meta)
            if spaces and (meta["projection"], spaces) != self._used:
                _check_embedders(meta, self._embedders, self.folder)
                if self._projection is not None:
                    self._projection.close()
                folder = project.projection_folder(self.folder, meta)
                self._projection = Projection(folder, spaces, index=self.folder)
                self._projection.probe()
                self._used = (meta["projection"], spaces)
                self._text = TextSearch(
                    self._rows,
                    self._projection,
                    self._embedders.text,
                    document_means=self._options.document_means,
                    pages=PageSearch(self.folder, self._rows, pages) if (pages := self._embedders.pages) else None,
                )
                self._looks = PictureSearch(
                    self._rows,
                    self._projection,
                    self._embedders.text,
                    in_one_space(self._embedders.eye),
                    self._options.hubness,
                )
            self._names = [
                Name(row[0], row[1] or 0, row[2] or "")
                for row in self._rows.all(
                    "SELECT doc_name, max(page), max(json_extract(meta, '$.doc_title')) FROM documents"
                    " WHERE doc_name IS NOT NULL GROUP BY doc_name"
                )
            ]
            self._revision = revision
            return self._text, self._looks

    def _repair(self) -> None:
        """Finish what a crash between the two stores left; a writer at work will do it itself."""
        if self._projection is None:
            return
        store = Store(self.folder)
        try:
            names = list(project.spaces_of(store.meta()))
            if project.needs_repair(store, self._projection, names):
                with WriterLock(self.folder):
                    project.repair(store, self._projection, names)
        except IndexLocked:
            return
        finally:
            store.close()

    def _look(self, image: ImageRef) -> np.ndarray:
        """Features of a question's picture, [dim]. Raises BadImage when nobody has the picture."""
        known = self._features.get(image.sha256)
        if known is not None:
            return known
        assert self._embedders is not None
        rows = self._rows.all("SELECT vector FROM images WHERE sha256 = ? LIMIT 1", (image.sha256,))
        if rows:
            vector = np.frombuffer(rows[0][0], dtype=np.float32)
        else:
            vector = np.asarray(self._embedders.eye.embed_images([self._picture(image)])[0], dtype=np.float32)
        while len(self._features) >= REMEMBERED_PICTURES:
            self._features.pop(next(iter(self._features)))
        self._features[image.sha256] = vector
        return vector

    def _picture(self, image: ImageRef) -> Any:
        if self._pictures is not None:
            try:
                return self._pictures.open(image.sha256)
            except BadImage:
                pass
        return self.blobs.open(image.sha256)


def _check_embedders(meta: dict[str, str], embedders: Embedders, folder: Path) -> None:
    """Vectors of two models do not compare: refuse to mix them."""
    for what, embedder in (("text", embedders.text), ("image", embedders.eye)):
        made_with, dim = meta.get(f"{what}_embedder"), meta.get(f"{what}_dim")
        if made_with is None or (made_with == embedder.id and dim == str(embedder.dim)):
            continue
        spec = meta.get(f"{what}_spec")
        raise IndexMismatch(
            f"The collection in {folder} was made with {what} embedder {made_with} ({dim} numbers); "
            f"this is {embedder.id} ({embedder.dim}).",
            remedy=f"Use the one it was made with{f' ({what}_embedder = {spec})' if spec else ''}, or make its vectors "
            f"again with this one: foveal index rebuild --index {folder} --{what}-embedder {spec_of(embedder)}",
        )
