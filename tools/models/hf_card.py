"""What a checkpoint is, read from its files without loading it: config.json and the heads of its safetensors.

A model is a folder, or a name on the Hugging Face hub. Only weights, configuration and text of the tokenizer are
fetched: pickled weights and code never are.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foveal.errors import BadConfig, ModelUnavailable, WeightsCorrupt

FILES = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model")
COPY = (
    "On a machine with a network run `hf download {name} --local-dir DIR`, copy DIR here, and use hf:DIR. "
    "Or let this machine reach the hub."
)
_INDEX = "model.safetensors.index.json"
_LONGEST_HEAD = 100_000_000


@dataclass(frozen=True, slots=True)
class Card:
    """A checkpoint as it describes itself. ``parameters`` is counted, or reckoned while the weights are not here."""

    name: str
    folder: Path | None
    """Where its files are, when it was named by a folder."""
    vision: bool
    context: int
    parameters: int


def read_card(source: str) -> Card:
    """Return the card of the folder or hub model *source*.

    Raises BadConfig for a folder that is not there or is no checkpoint, ModelUnavailable, WeightsCorrupt.
    """
    folder = Path(source).expanduser()
    if folder.is_dir():
        config = _config(folder / "config.json", source)
        return _card(folder.resolve().name, folder, config, count_parameters(folder) if weight_files(folder) else None)
    if _is_path(source):
        raise BadConfig(
            f"The model hf:{source} names a folder that is not there.",
            remedy="Give the folder of a checkpoint (with config.json in it), or a name such as hf:ORGANISATION/MODEL.",
        )
    return _card(source, None, _config(_hub_config(source), source), None)


def locate(card: Card) -> Path:
    """Return the folder with all files of *card*, fetching what the hub's cache lacks. Raises ModelUnavailable."""
    if card.folder is not None:
        return card.folder
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        cached = Path(snapshot_download(card.name, allow_patterns=list(FILES), local_files_only=True))
        if weight_files(cached):
            return cached
    except (LocalEntryNotFoundError, OSError, WeightsCorrupt):
        pass
    try:
        return Path(snapshot_download(card.name, allow_patterns=list(FILES)))
    except (HfHubHTTPError, OSError) as problem:
        raise _not_here(card.name, problem) from problem


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors of *folder*, none when there are none. Raises WeightsCorrupt when some are missing."""
    index = folder / _INDEX
    if not index.is_file():
        return sorted(folder.glob("*.safetensors"))
    try:
        names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, AttributeError) as problem:
        raise _corrupt(index, "is not an index of weights") from problem
    if lacking := [name for name in names if not (folder / name).is_file()]:
        raise WeightsCorrupt(
            f"{folder.name} lacks {len(lacking)} of its {len(names)} weight files, such as {lacking[0]}.",
            remedy="Copy or download the checkpoint again.",
        )
    return [folder / name for name in names]


def count_parameters(folder: Path) -> int:
    """Return how many numbers the weights of *folder* hold. Raises WeightsCorrupt for a file that is cut or no file."""
    return sum(
        math.prod(tensor["shape"])
        for file in weight_files(folder)
        for name, tensor in _head(file).items()
        if name != "__metadata__"
    )


def _head(file: Path) -> Mapping[str, Any]:
    """Return the head of a safetensors file: 8 bytes of length, then JSON with the place of every tensor."""
    size = file.stat().st_size
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            if not 2 <= length <= min(size - 8, _LONGEST_HEAD):
                raise _corrupt(file, "is not a safetensors file, or was cut")
            head = json.loads(opened.read(length))
            end = max((t["data_offsets"][1] for n, t in head.items() if n != "__metadata__"), default=0)
    except OSError as problem:
        raise ModelUnavailable(f"The weights {file} cannot be read: {problem.strerror}.") from problem
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise _corrupt(file, "has a broken head") from problem
    if size != 8 + length + end:
        raise _corrupt(file, f"has {size} bytes instead of {8 + length + end}")
    return dict(head)


def _corrupt(file: Path, why: str) -> WeightsCorrupt:
    return WeightsCorrupt(f"{file.name} {why}.", remedy=f"Copy or download {file.name} again.")


def _card(name: str, folder: Path | None, config: Mapping[str, Any], parameters: int | None) -> Card:
    text = _text(config)
    return Card(
        name=name,
        folder=folder,
        vision="vision_config" in config,
        context=int(text.get("max_position_embeddings") or text.get("n_positions") or 4096),
        parameters=_reckon(text) if parameters is None else parameters,
    )


def _text(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the part about the language model: vision-language configurations are nested."""
    nested = config.get("text_config") or config.get("llm_config")
    return {**config, **nested} if isinstance(nested, Mapping) else config


def _reckon(text: Mapping[str, Any]) -> int:
    """Return about how many parameters a transformer of this shape has: attention, gated feed-forward, embeddings."""
    hidden = int(text.get("hidden_size") or 4096)
    inner = int(text.get("intermediate_size") or 4 * hidden)
    heads = int(text.get("num_attention_heads") or 32)
    groups = int(text.get("num_key_value_heads") or heads)
    layer = 2 * hidden * hidden * (heads + groups) // heads + 3 * hidden * inner
    return int(text.get("num_hidden_layers") or 32) * layer + 2 * int(text.get("vocab_size") or 32_000) * hidden


def _config(file: Path, source: str) -> Mapping[str, Any]:
    try:
        config = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise BadConfig(
            f"The folder of hf:{source} has no config.json: it is no checkpoint.",
            remedy="Give the folder that holds config.json, the tokenizer and the *.safetensors files.",
        ) from None
    except (OSError, ValueError) as problem:
        raise WeightsCorrupt(
            f"The config.json of hf:{source} cannot be read: {problem}.", remedy="Copy or download it again."
        ) from problem
    if not isinstance(config, Mapping):
        raise WeightsCorrupt(f"The config.json of hf:{source} is no JSON object.", remedy="Copy or download it again.")
    return config


def _is_path(source: str) -> bool:
    """Whether *source* can only be a folder: the hub knows NAME and ORGANISATION/NAME."""
    return source.startswith((".", "/", "~", "\\")) or source.count("/") > 1 or "\\" in source or source.endswith("/")


def _hub_config(name: str) -> Path:
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        cached = try_to_load_from_cache(name, "config.json")
        return Path(cached if isinstance(cached, str) else hf_hub_download(name, "config.json"))
    except HFValidationError as problem:
        raise BadConfig(
            f"hf:{name} is neither a folder that is there nor a name of the hub.",
            remedy="Give the folder of a checkpoint, or a name such as hf:ORGANISATION/MODEL.",
        ) from problem
    except (HfHubHTTPError, OSError) as problem:  # LocalEntryNotFoundError and OfflineModeIsEnabled are OSErrors
        raise _not_here(name, problem) from problem


def _not_here(name: str, problem: Exception) -> ModelUnavailable:
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    if isinstance(problem, GatedRepoError):
        return ModelUnavailable(
            f"The model {name} is only given to those who accept its terms.",
            remedy=f"Accept them at the page of {name} on the hub, then run `hf auth login`.",
        )
    if isinstance(problem, RepositoryNotFoundError):
        return ModelUnavailable(
            f"There is no model {name}: neither a folder nor on the hub.",
            remedy="Check its name; a private model needs `hf auth login`.",
        )
    return ModelUnavailable(
        f"The model {name} is not on this machine, and the hub cannot be reached.", remedy=COPY.format(name=name)
    )
