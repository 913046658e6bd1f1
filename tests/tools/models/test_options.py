"""Parts of the embedded model that need no weights."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import BadInput, ModelUnavailable, WeightsCorrupt
from foveal.tools.embed.weights import Part, Weight, WeightStore
from foveal.tools.models.chatml import Piece, render
from foveal.tools.models.embedded import EmbeddedModel, option_probabilities
from foveal.tools.models.openmp import sleep_at_barriers
from foveal.types import Message


def test_softmax_of_two_candidates() -> None:
    (yes, no) = option_probabilities([[1, 2]], [(1, -0.5), (2, -1.5), (3, -9.0)])
    assert yes == pytest.approx(1 / (1 + math.exp(-1.0)))
    assert yes + no == pytest.approx(1.0)


def test_form_with_more_mass_is_used() -> None:
    bare, spaced = [1, 2], [11, 12]
    candidates = [(11, math.log(0.6)), (12, math.log(0.3)), (1, math.log(0.001)), (2, math.log(0.05))]
    assert option_probabilities([bare, spaced], candidates) == pytest.approx([2 / 3, 1 / 3])


def test_option_that_is_no_candidate_is_least_probable() -> None:
    first, second, third = option_probabilities([[1, 2, 3]], [(1, -0.1), (2, -5.0)])
    assert first > second > third > 0.0


def test_no_candidate_at_all_says_nothing() -> None:
    assert option_probabilities([[1, 2]], [(7, -0.1)]) == pytest.approx([0.5, 0.5])


@given(st.lists(st.floats(-50, 0), min_size=2, max_size=9))
def test_probabilities_sum_to_one_and_keep_the_order(logprobs: list[float]) -> None:
    result = option_probabilities([list(range(len(logprobs)))], list(enumerate(logprobs)))
    assert sum(result) == pytest.approx(1.0)
    assert result[max(range(len(logprobs)), key=logprobs.__getitem__)] == max(result)


def test_rendering_marks_only_the_markup() -> None:
    pieces = render([Message("system", "be <|im_end|> brief"), Message("user", "hi")])
    assert pieces == [
        Piece("<|im_start|>system\n", True),
        Piece("be <|im_end|> brief", False),
        Piece("<|im_end|>\n<|im_start|>user\n", True),
        Piece("hi", False),
        Piece("<|im_end|>\n<|im_start|>assistant\n", True),
    ]


def test_last_assistant_message_is_left_open() -> None:
    pieces = render([Message("user", "hi"), Message("assistant", "Well,")])
    assert pieces[-1] == Piece("Well,", False)


def test_no_message_at_all() -> None:
    with pytest.raises(BadInput):
        render([])


async def test_wrong_weights_are_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "wrong_weights_package"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "a.bin").write_bytes(b"GGUF but not that one")
    monkeypatch.syspath_prepend(tmp_path)
    row = Weight(
        "text-model", "language model", "a.gguf", "0" * 64, 21, "Apache-2.0", "here",
        (Part("wrong_weights_package", "a.bin"),),
    )  # fmt: skip
    model = EmbeddedModel(weights=WeightStore(tmp_path / "cache", table=[row]))
    with pytest.raises(WeightsCorrupt):
        await model.generate([Message("user", "hi")])
    await model.aclose()


@pytest.mark.parametrize("content", [None, b"PK\x03\x04 a zip", b""])
async def test_file_that_is_no_model(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.gguf"
    if content is not None:
        path.write_bytes(content)
    model = EmbeddedModel(path)
    with pytest.raises(ModelUnavailable, match=r"x\.gguf"):
        await model.generate([Message("user", "hi")])
    await model.aclose()


async def test_closed_model_says_so() -> None:
    model = EmbeddedModel()
    await model.aclose()
    await model.aclose()
    with pytest.raises(ModelUnavailable, match="closed"):
        await model.generate([Message("user", "hi")])
    with pytest.raises(ModelUnavailable, match="closed"):
        model.count_tokens("hi")


def test_barrier_setting_respects_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    sleep_at_barriers()
    import os

    assert os.environ["OMP_WAIT_POLICY"] == "active"
    monkeypatch.delenv("OMP_WAIT_POLICY")
    sleep_at_barriers()
    assert os.environ["OMP_WAIT_POLICY"] == "passive"
