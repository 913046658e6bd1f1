"""What is found out before loading, and what is told when a checkpoint cannot be loaded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import BadConfig, FovealError, ModelUnavailable, WeightsCorrupt
from foveal.tools.models.hf import HfModel
from foveal.tools.models.hf_card import count_parameters, read_card
from foveal.tools.models.hf_memory import choose_place, free_memory, memory_needed
from foveal.types import Message

GIB = 2**30


def shape(**more: Any) -> Any:
    text = SimpleNamespace(
        num_attention_heads=32, num_key_value_heads=8, head_dim=128, num_hidden_layers=32,
        max_position_embeddings=32_768, **more,
    )  # fmt: skip
    return SimpleNamespace(get_text_config=lambda: text)


@pytest.fixture
def copy(checkpoint: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    return lambda kind: Path(shutil.copytree(checkpoint(kind), tmp_path / kind))


async def told(folder: Path | str) -> FovealError:
    """Return the error of the first call, or of making the model."""
    with pytest.raises(FovealError) as caught:
        model = HfModel(str(folder))
        try:
            await model.generate([Message("user", "hello")], max_tokens=1)
        finally:
            await model.aclose()
    assert caught.value.remedy and "Traceback" not in str(caught.value)
    return caught.value


def test_parameters_are_counted_without_loading(checkpoint: Callable[[str], Path]) -> None:
    from transformers import AutoModelForCausalLM

    folder = checkpoint("llama")
    assert count_parameters(folder) == sum(p.numel() for p in AutoModelForCausalLM.from_pretrained(folder).parameters())


def test_memory_is_weights_and_one_conversation() -> None:
    """8 B in bfloat16: 16.8 GB of weights and 2 × 32 × 8 × 128 × 4096 × 2 bytes of keys and values."""
    assert memory_needed(8_000_000_000, shape(), "bfloat16") == pytest.approx(16.8e9 + 536_870_912, rel=1e-6)
    assert memory_needed(8_000_000_000, shape(), "float32") == 2 * memory_needed(8_000_000_000, shape(), "bfloat16")


def test_what_does_not_fit_is_refused_before_it_is_loaded() -> None:
    with pytest.raises(ModelUnavailable, match=r"m needs about 16\.\d GiB as bfloat16, and cpu has 8\.0 GiB") as caught:
        choose_place("m", 8_000_000_000, shape(), device="cpu", dtype="auto", free=lambda _: 8 * GIB)
    assert "smaller model" in caught.value.remedy
    with pytest.raises(ModelUnavailable) as caught:
        choose_place("m", 8_000_000_000, shape(), device="cpu", dtype="float32", free=lambda _: 20 * GIB)
    assert "hf_dtype" in caught.value.remedy


@given(st.integers(10**6, 10**11), st.integers(0, 400))
def test_the_widest_numbers_that_fit_are_chosen_on_the_processor(parameters: int, room: int) -> None:
    fits = {d: memory_needed(parameters, shape(), d) <= room * GIB for d in ("float32", "bfloat16")}
    try:
        place = choose_place("m", parameters, shape(), device="cpu", dtype="auto", free=lambda _: room * GIB)
    except ModelUnavailable:
        assert not any(fits.values())
    else:
        assert place.dtype == ("float32" if fits["float32"] else "bfloat16") and fits[place.dtype]


def test_an_unknown_amount_of_memory_is_no_reason_to_refuse() -> None:
    assert choose_place("m", 10**12, shape(), device="cpu", dtype="auto", free=lambda _: None).dtype == "float32"


def test_a_device_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(ModelUnavailable, match="no device cuda:77") as caught:
        choose_place("m", 10, shape(), device="cuda:77", dtype="auto")
    assert "cpu" in caught.value.remedy


def test_this_machine_tells_how_much_is_free() -> None:
    assert (free_memory("cpu") or 0) > GIB // 4


async def test_row_50_a_model_too_big_for_this_machine_is_not_loaded(
    checkpoint: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foveal.tools.models.hf_memory.free_memory", lambda _: 1000)
    error = await told(checkpoint("qwen2"))
    assert isinstance(error, ModelUnavailable) and "0.0 GiB free" in error.message


async def test_a_folder_that_is_missing_or_no_checkpoint(tmp_path: Path) -> None:
    assert isinstance(await told(tmp_path / "nothing"), BadConfig)
    error = await told(tmp_path)
    assert isinstance(error, BadConfig) and "config.json" in error.message
    assert isinstance(await told("not a name"), BadConfig)


async def test_a_model_of_the_hub_without_a_network_tells_what_to_copy_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    error = await told("organisation/no-such-model-here")
    assert isinstance(error, ModelUnavailable)
    assert "hf download organisation/no-such-model-here --local-dir" in error.remedy and "hf:DIR" in error.remedy


async def test_a_model_of_the_hub_is_found_in_its_cache(
    checkpoint: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    commit = "0" * 40
    kept = tmp_path / "models--org--tiny"
    shutil.copytree(checkpoint("qwen2"), kept / "snapshots" / commit)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text(commit)
    model = HfModel("org/tiny")
    try:
        assert model.name == "hf:org/tiny"
        assert (await model.generate([Message("user", "hello")], max_tokens=2)).completion_tokens == 2
    finally:
        await model.aclose()


@pytest.mark.parametrize("left", [0, 4, 300, -1])
async def test_weights_that_were_cut_are_seen_before_loading(copy: Callable[[str], Path], left: int) -> None:
    file = copy("qwen2") / "model.safetensors"
    file.write_bytes(file.read_bytes()[:left])
    error = await told(file.parent)
    assert isinstance(error, WeightsCorrupt) and "model.safetensors" in error.message


async def test_weights_with_a_broken_head(copy: Callable[[str], Path]) -> None:
    file = copy("qwen2") / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[8:40] = b"#" * 32
    file.write_bytes(bytes(data))
    assert isinstance(await told(file.parent), WeightsCorrupt)


async def test_weights_that_lack_tensors_are_not_filled_with_noise(copy: Callable[[str], Path]) -> None:
    from safetensors.torch import load_file, save_file

    file = copy("qwen2") / "model.safetensors"
    tensors = load_file(file)
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, file, {"format": "pt"})
    error = await told(file.parent)
    assert isinstance(error, WeightsCorrupt) and "model.layers.1.mlp.up_proj.weight" in error.message


async def test_a_missing_shard_is_named(copy: Callable[[str], Path]) -> None:
    folder = copy("qwen2")
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    error = await told(folder)
    assert isinstance(error, WeightsCorrupt) and "model-00002-of-00002" in error.message


async def test_pickled_weights_are_not_read(copy: Callable[[str], Path]) -> None:
    folder = copy("qwen2")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    error = await told(folder)
    assert isinstance(error, ModelUnavailable) and "could run code" in error.message


async def test_code_that_comes_with_a_model_is_not_run(copy: Callable[[str], Path], tmp_path: Path) -> None:
    folder = copy("qwen2")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "code.C", "AutoModelForCausalLM": "code.M"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "code.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    error = await told(folder)
    assert isinstance(error, ModelUnavailable) and not (tmp_path / "ran").exists()


async def test_a_broken_config_and_a_model_without_a_tokenizer(copy: Callable[[str], Path]) -> None:
    folder = copy("qwen2")
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()
    assert isinstance(await told(folder), ModelUnavailable)
    (folder / "config.json").write_text("{")
    assert isinstance(await told(folder), WeightsCorrupt)


def test_strength_is_reckoned_from_the_shape_while_the_weights_are_elsewhere(tmp_path: Path) -> None:
    """Qwen2.5-7B-Instruct has 7.6 billion parameters."""
    config = {
        "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28,
        "num_key_value_heads": 4, "vocab_size": 152064, "max_position_embeddings": 32768,
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps({"text_config": config, "vision_config": {}}))
    card = read_card(str(tmp_path))
    assert card.vision and card.context == 32768 and card.parameters == pytest.approx(7.6e9, rel=0.02)
