"""Headers of GGUF files, and what is made of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes.gguf import CHATML, CONTROL, OF_PICTURES, write_model, write_projector
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import ModelUnavailable
from foveal.tools.models.gguf import Header, read_header
from foveal.tools.models.sizing import CACHE_BYTES, CONTEXT, SEEING_BATCH, SLOTS, free_memory, options_for


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def test_header_says_what_was_written(tiny: Path) -> None:
    header = read_header(tiny)
    assert (header.architecture, header.context, header.template) == ("llama", 2048, CHATML)
    assert header.control == (*CONTROL[CHATML], *OF_PICTURES)
    assert header.cache_bytes == 2 * 2 * (16 + 16) * 2, "layers × heads × (key + value) × 2 bytes"
    vocabulary, width = 257 + len(header.control), 64
    layer = 2 * width + 2 * width * width + 2 * width * width // 2 + 3 * 2 * width * width
    assert header.parameters == 2 * vocabulary * width + width + 2 * layer


def test_projector_has_a_header_too(tmp_path: Path) -> None:
    header = read_header(write_projector(tmp_path / "mmproj.gguf"))
    assert header.architecture == "clip" and header.template is None


@given(st.data())
def test_cut_or_flipped_header_is_an_error_never_a_crash(tiny: Path, data: st.DataObject) -> None:
    whole = tiny.read_bytes()[:12_000]
    at = data.draw(st.integers(4, 9_000))
    byte = data.draw(st.integers(0, 255))
    for number, content in enumerate((whole[:at], whole[:at] + bytes([byte]) + whole[at + 1 :])):
        path = tiny.with_name(f"bad{number}.gguf")
        path.write_bytes(content)
        try:
            header = read_header(path)
        except ModelUnavailable as error:
            assert path.name in error.message and error.remedy
        else:
            assert header.architecture is not None
            assert number == 1 or header == read_header(tiny), "only what comes after the header may be cut off"


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"GGUF", b"GGUF\x03\x00\x00\x00" + b"\xff" * 16])
def test_file_that_is_no_gguf(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelUnavailable, match=r"x\.gguf"):
        read_header(path)


def of(cache_bytes: int = 28_672, context: int = 32_768) -> Header:
    return Header("qwen2", 1_500_000_000, context, cache_bytes, None, ())


def test_context_and_slots_fit_the_memory() -> None:
    roomy = options_for(of(), threads=2, memory=64 << 30)
    assert (roomy.context, roomy.slots) == (CONTEXT, SLOTS)
    eight_billion = options_for(of(131_072), threads=2, memory=64 << 30)
    assert (eight_billion.context, eight_billion.slots) == (CONTEXT, 2)
    poor = options_for(of(131_072), threads=2, memory=2 << 30)
    assert (poor.context, poor.slots) == (4096, 1)
    assert options_for(of(context=512), threads=2, memory=64 << 30).context == 512, "no more than it was trained on"
    assert options_for(of(), threads=2, context=16_384, memory=1 << 30).context == 16_384, "the user's word holds"
    assert options_for(of(), threads=2, sees=True, memory=64 << 30).batch == SEEING_BATCH


@given(st.integers(0, 1 << 22), st.integers(0, 1 << 20), st.integers(0, 1 << 38))
def test_cache_stays_within_its_bound(cache_bytes: int, context: int, memory: int) -> None:
    options = options_for(of(cache_bytes, context), threads=1, memory=memory)
    assert options.context >= 1 and 1 <= options.slots <= SLOTS
    if options.context > 2048:
        assert options.context * options.slots * cache_bytes <= min(CACHE_BYTES, memory // 4)


def test_free_memory_is_a_number() -> None:
    assert free_memory() > 1 << 20
