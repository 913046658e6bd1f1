"""Foveal answers complex questions about pictures: it plans, searches, reads, checks and cites."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foveal.api import Foveal as Foveal
    from foveal.settings import Settings as Settings

__all__ = ["Foveal", "Settings"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import the public names at first use, so that ``import foveal`` stays light."""
    if name == "Foveal":
        from foveal.api import Foveal

        return Foveal
    if name == "Settings":
        from foveal.settings import Settings

        return Settings
    raise AttributeError(f"module 'foveal' has no attribute {name!r}")
