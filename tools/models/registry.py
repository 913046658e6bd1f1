"""From a model spec to a model: ``embedded``, ``llama:PATH.gguf``, ``hf:FOLDER_OR_NAME``, ``openai:NAME``
or ``scripted:FILE``.
"""

from __future__ import annotations

from pathlib import Path

from foveal.errors import BadConfig
from foveal.protocols import ChatModel, PictureReader
from foveal.settings import Settings

KNOWN = (
    "Use embedded, llama:PATH.gguf[,mmproj=PATH], llama:NAME (`foveal models list`), hf:FOLDER_OR_NAME, openai:NAME "
    "or scripted:FILE."
)


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
        return _llama(argument, spec, settings, pictures)
    if kind == "hf" and argument:
        from foveal.tools.models.hf import HfModel

        return HfModel(
            argument, pictures=pictures, device=settings.hf_device, dtype=settings.hf_dtype,
            batch=settings.hf_batch, threads=settings.threads, plans_freely=settings.plans_freely,
        )  # fmt: skip
    if kind == "scripted" and argument:
        from foveal.tools.models.scripted import ScriptedModel

        return ScriptedModel(_existing(argument, spec))
    if kind == "openai" and argument:
        from foveal.tools.models.openai import make_openai_model

        return make_openai_model(argument, settings, pictures)
    raise BadConfig(f"There is no model {spec!r}.", remedy=KNOWN)


def _llama(argument: str, spec: str, settings: Settings, pictures: PictureReader | None) -> ChatModel:
    """Return the model of ``PATH.gguf[,mmproj=PATH]``, or of a name in the catalogue."""
    from foveal.tools.models.embedded import EmbeddedModel

    name, _, projector = argument.partition(",mmproj=")
    if not projector and not name.lower().endswith(".gguf") and not Path(name).expanduser().exists():
        from foveal.tools.models.pull import ModelStore

        files = ModelStore(settings.home / "models").files_of(name)
        model, mmproj = files.model, files.mmproj
    else:
        model, mmproj = _existing(name, spec), _existing(projector, spec) if projector else None
    return EmbeddedModel(
        model, projector=mmproj, pictures=pictures, context=settings.llama_context,
        plans_freely=settings.plans_freely, cache_dir=settings.cache, threads=settings.threads,
    )  # fmt: skip


def _existing(argument: str, spec: str) -> Path:
    path = Path(argument).expanduser()
    if not path.is_file():
        raise BadConfig(f"The model {spec!r} names a file that is not there: {path}.", remedy=KNOWN)
    return path
