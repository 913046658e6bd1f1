"""A checkpoint that a user names: what tells it from others, where it runs, and its errors in our words."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from foveal.errors import FovealError, ModelUnavailable

_SAMPLE = 1 << 20
_WEIGHTS = frozenset({".safetensors", ".bin", ".pt"})
_OF_HUB = ("config.json", "modules.json")


def fingerprint(source: str) -> str:
    """Return ``NAME@HEX``: the last part of a folder's path or a hub name, and what tells its model from others.

    Of a folder the hash is over every JSON file and a sample of each weight file, wherever the folder lies; of a
    name on the hub over its configuration. Nothing is loaded. Raises ModelUnavailable when there is no such model.
    """
    digest = hashlib.sha256()
    folder = Path(source).expanduser()
    if folder.is_dir():
        files = sorted(file for file in folder.rglob("*") if file.suffix in _WEIGHTS | {".json"})
        if not any(file.suffix == ".json" for file in files):
            raise missing(source, "the folder holds no configuration")
        for file in files:
            digest.update(file.relative_to(folder).as_posix().encode())
            digest.update(_sample(file) if file.suffix in _WEIGHTS else file.read_bytes())
        name = folder.resolve().name
    else:
        for path in _from_hub(source):
            digest.update(path.read_bytes())
        name = source
    name = re.sub(r"[|@\s]", "_", name)
    return f"{name}@{digest.hexdigest()[:12]}"


def missing(source: str, why: str) -> ModelUnavailable:
    """Return the error for a checkpoint that cannot be loaded."""
    return ModelUnavailable(
        f"The model {source!r} cannot be loaded: {why}.",
        remedy="Give the folder of a checkpoint, or check its name on the Hugging Face hub and the network. "
        "Models that bring code of their own are not run.",
    )


@contextlib.contextmanager
def loading(source: str) -> Iterator[None]:
    """Load inside the block: without progress bars, which would stand in the live plan. Raises ModelUnavailable."""
    from transformers.utils import logging

    bar = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    except FovealError:
        raise
    except Exception as error:  # the hub, the files and the registry of classes all raise their own
        raise missing(source, f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}"
                      if str(error).strip() else type(error).__name__) from error  # fmt: skip
    finally:
        if bar:
            logging.enable_progress_bar()


@contextlib.contextmanager
def running(source: str) -> Iterator[None]:
    """Run a batch inside the block. Raises ModelUnavailable when memory does not suffice."""
    import torch

    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise ModelUnavailable(
            f"There is not enough memory to run {source!r}.",
            remedy="Use a smaller checkpoint, or hide the GPU (CUDA_VISIBLE_DEVICES=) to run it on the processor.",
        ) from error


def device_and_dtype(device: str | None) -> tuple[str, str]:
    """Return where a model runs (the GPU when there is one) and its dtype: as saved there, float32 on a processor."""
    import torch

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    return device, "float32" if device == "cpu" else "auto"


def _sample(file: Path) -> bytes:
    """Return the size of a weight file and a piece of its middle, where the configuration no longer speaks."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        opened.seek(size // 2)
        return str(size).encode() + opened.read(_SAMPLE)


def _from_hub(name: str) -> list[Path]:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    found = []
    for file in _OF_HUB:
        # LocalEntryNotFoundError (no network, not in the cache) is an OSError
        with contextlib.suppress(HfHubHTTPError, HFValidationError, OSError):
            found.append(Path(hf_hub_download(name, file)))
    if not found:
        raise missing(name, "it is no folder, and no such model is on the hub or in its cache")
    return found
