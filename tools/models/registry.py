"""From a model spec to a model: ``embedded``, ``llama:PATH.gguf`` or ``scripted:FILE``."""

from __future__ import annotations

from pathlib import Path

from foveal.errors import BadConfig
from foveal.protocols import ChatModel, PictureReader
from foveal.settings import Settings

KNOWN = "Use embedded, llama:PATH.gguf or scripted:FILE."
LATER = ("hf", "openai")


def make_model(spec: str, settings: Settings, pictures: PictureReader | None = None) -> ChatModel:
    """Return the model that *spec* names; nothing is loaded yet.

    *pictures* gives a model that sees the re-encoded bytes of the pictures in its messages.
    Raises BadConfig for an unknown spec, and for a script or model file that is not there.
    """
    kind, _, argument = spec.strip().partition(":")
    if kind == "embedded" and not argument:
        from foveal.tools.models.embedded import EmbeddedModel

        return EmbeddedModel(cache_dir=settings.cache, threads=settings.threads)
    if kind == "llama" and argument:
        from foveal.tools.models.embedded import EmbeddedModel

        return EmbeddedModel(_existing(argument, spec), cache_dir=settings.cache, threads=settings.threads)
    if kind == "scripted" and argument:
        from foveal.tools.models.scripted import ScriptedModel

        return ScriptedModel(_existing(argument, spec))
    if kind in LATER:
        raise BadConfig(f"Models of kind {kind}: arrive in a later release.", remedy=KNOWN)
    raise BadConfig(f"There is no model {spec!r}.", remedy=KNOWN)


def _existing(argument: str, spec: str) -> Path:
    path = Path(argument).expanduser()
    if not path.is_file():
        raise BadConfig(f"The model {spec!r} names a file that is not there: {path}.", remedy=KNOWN)
    return path
