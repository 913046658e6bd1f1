"""What the commands drive. Heavy modules are imported here, inside functions, and replaced here in tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from foveal.errors import BadInput
from foveal.settings import Settings


def make_foveal(settings: Settings) -> Any:
    """Return an unopened :class:`foveal.api.Foveal`."""
    from foveal.api import Foveal

    return Foveal(settings)


def calibration_of(settings: Settings) -> dict[str, Any]:
    """Return what a configuration says of the calibration of the settings; nothing without one. Raises BadConfig."""
    from foveal.runtime import calibration_of

    found = calibration_of(settings)
    return {"calibration": found.config()} if found else {}


def make_judge(settings: Settings) -> Any:
    """Return the judging model of the settings, a :class:`foveal.protocols.ChatModel`. Raises BadConfig."""
    from foveal.tools.models.registry import make_model

    return make_model(settings.models()["judge"], settings)


def replayed(path: Path, **given: Any) -> AsyncIterator[Any]:
    """Make the run of a recording again; see :func:`foveal.api.replayed`."""
    from foveal.api import replayed

    return replayed(path, **given)


def read_tape(path: Path) -> Any:
    """Read a recording: a :class:`foveal.tools.tape.file.Tape`. Raises BadInput, RunMismatch."""
    from foveal.tools.tape.file import read_tape

    return read_tape(path)


def examine(settings: Settings, tell: Callable[[str], None]) -> AsyncIterator[tuple[str, bool, str, str]]:
    """Try every part; yields (part, works, detail, remedy)."""
    from foveal.doctor import examine

    return examine(settings, tell)


def create_collection(folder: Path, settings: Settings) -> Any:
    """Open the collection in *folder* for adding, made first if there is none. Blocking."""
    from foveal.runtime import make_embedders
    from foveal.tools.index.collection import LocalCollection

    return LocalCollection.create(folder, make_embedders(settings))


def open_collection(folder: Path) -> Any:
    """Open the collection in *folder* without models: to verify, rebuild, count or remove. Blocking."""
    from foveal.tools.index.collection import LocalCollection

    return LocalCollection.open(folder)


def make_page_embedder(settings: Settings) -> Any:
    """Return the page embedder of the settings, or None. Raises BadConfig."""
    from foveal.tools.embed.registry import make_page_embedder

    return make_page_embedder(settings.page_embedder, settings)


def make_embedders_of(settings: Settings, *, text: str | None, image: str | None) -> tuple[Any, Any]:
    """Return the text embedder and the image embedder of the specs that are not None. Raises BadConfig."""
    from foveal.tools.embed.registry import make_image_embedder, make_text_embedder

    return (
        make_text_embedder(text, settings) if text is not None else None,
        make_image_embedder(image, settings) if image is not None else None,
    )


def open_sessions(settings: Settings) -> Any:
    """Return the :class:`foveal.sessions.SessionStore` of ``home``."""
    from foveal.sessions import SessionStore

    return SessionStore(settings.home)


async def attach(foveal: Any, session: str, pictures: Sequence[Path]) -> Any:
    """Give *pictures* to a session; return the :class:`foveal.sessions.Session`. Raises BadImage."""
    from foveal.turn import attach

    return await attach(foveal, session, pictures)


def open_runs(settings: Settings) -> Any:
    """Return the :class:`foveal.tools.runs.store.RunStore` of ``home``. Raises StoreUnavailable, StorageFull."""
    from foveal.tools.runs.store import RunStore

    return RunStore.open(settings.home)


def picture_reader(settings: Settings, index: Path | None) -> Callable[[str], bytes | None]:
    """Return what reads a picture by sha256: of a question, or of the collection in *index*."""
    from foveal.errors import BadImage
    from foveal.tools.images.store import FileBlobStore

    folders = [settings.home / "blobs", *([index / "blobs"] if index else [])]
    stores = [FileBlobStore(folder) for folder in folders if folder.is_dir()]

    def read(sha256: str) -> bytes | None:
        for store in stores:
            try:
                return store.read(sha256)
            except BadImage:
                continue
        return None

    return read


def make_web(settings: Settings) -> Any:
    """Return the :class:`foveal.protocols.Web` of the settings; pictures go to ``home``. Raises BadConfig."""
    from foveal.tools.images.store import FileBlobStore
    from foveal.tools.search.registry import make_web

    return make_web(settings, blobs=FileBlobStore(settings.home / "blobs"))


def passages(page: Any, question: str) -> Any:
    """Return the passages of a page that bear on *question*, found by their words. Blocking."""
    from foveal.tools.read.slim import passages

    return passages(page, question)


async def freeze(
    settings: Settings, source: Path, out: Path, *, kinds: Any, depth: int, pictures: int, progress: Any
) -> Any:
    """Freeze what *source*, a file or a folder of recordings, asks for into *out*.

    Returns a :class:`foveal.tools.freeze.freezer.FreezeReport`. Raises BadInput, BadConfig, BackendDown, StorageFull.
    """
    from foveal.agents import queries
    from foveal.tools.freeze.freezer import Freezer
    from foveal.tools.freeze.partial import Partial
    from foveal.tools.freeze.recorded import wanted_of
    from foveal.tools.freeze.wanted import read_wanted
    from foveal.tools.search.registry import make_web

    def written(question: str) -> tuple[str, str]:
        return queries.write(question), queries.other(question)

    if source.is_dir():
        wanted = wanted_of(source)
    else:
        wanted = read_wanted(source, kinds=kinds, k=max(10, depth), queries=written)
    with Partial(out) as partial:
        web = make_web(settings, blobs=partial.blobs)
        try:
            freezer = Freezer(web, partial, depth=depth, pictures=pictures, progress=progress)
            return await freezer.run(wanted)
        finally:
            await web.aclose()


def index_folder(settings: Settings) -> Path:
    """Return the folder of the collection. Raises BadInput when none was named."""
    if settings.index is None:
        raise BadInput(
            "No collection was named.",
            remedy="Give --index DIR, or set `index` in foveal.toml or FOVEAL_INDEX.",
        )
    return settings.index
