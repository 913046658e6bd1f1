"""From the files of a checkpoint to a model that can be asked: classes, device, numbers, and errors in our words.

Code that comes with a model is never run, and pickled weights are never read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foveal.errors import FovealError, ModelError, ModelUnavailable, WeightsCorrupt
from foveal.tools.models.hf_card import Card, count_parameters, weight_files
from foveal.tools.models.hf_memory import Place, choose_place

_STAND_IN = {"smolvlm": "Idefics3Processor"}
"""Processors of the same words and pictures, for those that cannot do without the libraries of their videos."""
_WORDS = ("tokenizer.json", "*.model", "vocab.*", "tekken.json")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model with what it is spoken to through. ``ends`` are the tokens that end a reply."""

    model: Any
    tokenizer: Any
    processor: Any
    place: Place
    ends: tuple[int, ...]

    @property
    def vocabulary(self) -> int:
        """How many logits the model gives."""
        return int(self.model.get_output_embeddings().weight.shape[0])


def load_tokenizer(card: Card, folder: Path) -> tuple[Any, Any]:
    """Return the tokenizer in *folder* and, of a model that sees, its processor. Raises ModelUnavailable."""
    from transformers import AutoTokenizer

    if not any(file for kind in _WORDS for file in folder.glob(kind)):  # the library would make an empty one
        raise ModelUnavailable(
            f"The folder of {card.name} has no tokenizer.", remedy="Copy tokenizer.json and its like there too."
        )
    with _loading(card.name):
        processor: Any = _processor(folder) if card.vision else None
        plain = {"local_files_only": True, "trust_remote_code": False}
        tokenizer = processor.tokenizer if card.vision else AutoTokenizer.from_pretrained(folder, **plain)
    if not tokenizer.is_fast:
        raise ModelUnavailable(
            f"The tokenizer of {card.name} is of a kind that cannot keep texts apart from markup.",
            remedy="Use a checkpoint that has a tokenizer.json.",
        )
    return tokenizer, processor


def load(card: Card, folder: Path, tokenizer: Any, processor: Any, *, device: str, dtype: str) -> Loaded:
    """Load the weights in *folder* (seconds to minutes).

    *device* and *dtype*: see :func:`~foveal.tools.models.hf_memory.choose_place`. Raises ModelUnavailable when they
    do not fit, WeightsCorrupt when some are broken or missing.
    """
    import torch
    import transformers

    if not weight_files(folder):
        pickled = any(folder.glob("*.bin")) or any(folder.glob("*.pt"))
        raise ModelUnavailable(
            f"{card.name} has no weights as safetensors{', only pickled ones, which could run code' * pickled}.",
            remedy="Use a version of the model with *.safetensors files.",
        )
    parameters = count_parameters(folder)
    with _loading(card.name):
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        place = choose_place(card.name, parameters, config, device=device, dtype=dtype)
        kind: Any = transformers.AutoModelForImageTextToText if card.vision else transformers.AutoModelForCausalLM
        model, report = kind.from_pretrained(
            folder, config=config, dtype=getattr(torch, place.dtype), local_files_only=True,
            trust_remote_code=False, use_safetensors=True, output_loading_info=True,
        )  # fmt: skip
        if lacking := sorted(report["missing_keys"]):
            raise WeightsCorrupt(
                f"The weights of {card.name} lack {len(lacking)} tensors, such as {lacking[0]}.",
                remedy="Copy or download the checkpoint again.",
            )
        model = model.to(place.device).eval()
    ends = _ends(model, tokenizer)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else ends[0]
    # what checkpoints bring (temperature, penalties) would bend the logits that probabilities are made of
    model.generation_config = transformers.GenerationConfig(do_sample=False, eos_token_id=list(ends), pad_token_id=pad)
    return Loaded(model, tokenizer, processor, place, ends)


def out_of_memory(problem: BaseException) -> bool:
    """Whether *problem* says, in one of the ways of torch, that memory did not suffice."""
    import torch

    if isinstance(problem, torch.OutOfMemoryError | MemoryError):
        return True
    told = str(problem).lower()
    return isinstance(problem, RuntimeError) and ("out of memory" in told or "can't allocate memory" in told)


def _ends(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """Return every token that its files call an end; a model that speaks in turns often ends with another."""
    holders = (model.generation_config, model.config.get_text_config(), tokenizer)
    told = [getattr(holder, "eos_token_id", None) for holder in holders]
    flat = [token for ends in told for token in (ends if isinstance(ends, list) else [ends]) if token is not None]
    if not flat:
        raise ModelUnavailable(
            "The checkpoint names no token that ends a reply.",
            remedy="Set eos_token_id in its generation_config.json.",
        )
    return tuple(dict.fromkeys(flat))


def _processor(folder: Path) -> Any:
    """Return the processor of the checkpoint; without torchvision, which only videos need, one for pictures alone."""
    from transformers import AutoProcessor

    plain = {"local_files_only": True, "trust_remote_code": False}
    try:
        return AutoProcessor.from_pretrained(folder, **plain)
    except (ImportError, ValueError) as problem:
        if isinstance(problem, ValueError) and "torchvision" not in str(problem):
            raise
        return _without_videos(folder, plain)


def _without_videos(folder: Path, plain: dict[str, bool]) -> Any:
    import transformers
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

    config = transformers.AutoConfig.from_pretrained(folder, **plain)
    family: Any = PROCESSOR_MAPPING[type(config)]
    if config.model_type in _STAND_IN:
        family = getattr(transformers, _STAND_IN[config.model_type])

    class Pictures(family):
        """The same processor, with nothing in the place of its video processor."""

        def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> Any:
            if argument_name == "video_processor":
                return None
            return super().check_argument_for_proper_class(argument_name, argument)

    made = {
        "image_processor": lambda: transformers.AutoImageProcessor.from_pretrained(folder, backend="pil", **plain),
        "tokenizer": lambda: transformers.AutoTokenizer.from_pretrained(folder, **plain),
        "video_processor": lambda: None,
    }
    settings, _ = family.get_processor_dict(folder, local_files_only=True)
    return Pictures.from_args_and_dict([made[part]() for part in family.get_attributes()], settings)


@contextlib.contextmanager
def _loading(name: str) -> Iterator[None]:
    """Load inside the block, without progress bars: they would stand in the live plan. Raises ModelUnavailable."""
    from transformers.utils import logging

    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    except FovealError:
        raise
    except Exception as problem:  # the files, the registries of classes and the device all raise their own
        raise _told(name, problem) from problem
    finally:
        if bars:
            logging.enable_progress_bar()


def _told(name: str, problem: Exception) -> ModelError:
    why = next((line.strip() for line in str(problem).splitlines() if line.strip()), type(problem).__name__)[:240]
    if out_of_memory(problem):
        return ModelUnavailable(
            f"There is not enough memory to load {name}.", remedy="Set hf_dtype to bfloat16, or use a smaller model."
        )
    if type(problem).__name__ == "SafetensorError":
        return WeightsCorrupt(f"The weights of {name} are broken: {why}.", remedy="Copy or download them again.")
    if isinstance(problem, ImportError):
        return ModelUnavailable(f"{name} needs a library that is not installed: {why}", remedy="Install it.")
    if "trust_remote_code" in str(problem) or "custom code" in str(problem):
        return ModelUnavailable(
            f"{name} brings code of its own, which Foveal does not run.",
            remedy="Use a model that transformers knows, or serve it yourself and use openai:.",
        )
    return ModelUnavailable(
        f"The model {name} cannot be loaded: {why}",
        remedy="Give a chat model that transformers knows, with config, tokenizer and weights in one folder.",
    )
