"""What the commands drive. Heavy modules are imported here, inside functions, and replaced here in tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from foveal.errors import BadInput
from foveal.settings import Settings


def make_foveal(settings: Settings) -> Any:
    """Return an unopened :class:`foveal.api.Foveal`."""
    from foveal.api import Foveal

    return Foveal(settings)


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


def index_folder(settings: Settings) -> Path:
    """Return the folder of the collection. Raises BadInput when none was named."""
    if settings.index is None:
        raise BadInput(
            "No collection was named.",
            remedy="Give --index DIR, or set `index` in foveal.toml or FOVEAL_INDEX.",
        )
    return settings.index
