"""Cross-encoders: the library's own loading code on tiny random checkpoints."""

from __future__ import annotations

import io
import math
from pathlib import Path

import pytest
from fakes.checkpoints import make
from PIL import Image

from foveal.errors import BadConfig, ModelError
from foveal.tools.rerank.cross_encoder import CrossEncoderReranker
from foveal.tools.rerank.registry import make_local
from foveal.types import Candidate

THREE = [Candidate("a red bus in a street", "Bus"), Candidate("the lazy dog"), Candidate("the year 1889", "Paris")]


@pytest.fixture(scope="module")
def yes_no(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model that says yes or no, and what the library needs to know of it."""
    from sentence_transformers import CrossEncoder
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.cross_encoder.modules import LogitScore

    folder = tmp_path_factory.mktemp("yes-no")
    reading = Transformer(str(make("qwen2", folder / "bare")), transformer_task="text-generation")
    CrossEncoder(modules=[reading, LogitScore(*_said(reading))]).save_pretrained(str(folder / "whole"))
    return folder / "whole"


def _said(reading: object) -> tuple[int, int]:
    tokenizer = reading.tokenizer  # type: ignore[attr-defined]
    return tokenizer.encode(" yes")[0], tokenizer.encode(" no")[0]


async def test_a_language_models_score_is_its_softmax_over_yes_and_no(yes_no: Path) -> None:
    """RagVL's p against the two logits, read off the model itself."""
    import torch
    from sentence_transformers import CrossEncoder

    reranker = CrossEncoderReranker(str(yes_no))
    found = {s.index: s.score for s in await reranker.rerank("what is it?", THREE)}
    model = CrossEncoder(str(yes_no))
    for n, candidate in enumerate(THREE):
        text = f"{candidate.title}\n{candidate.text}" if candidate.title else candidate.text
        inputs = {k: v for k, v in model.preprocess([("what is it?", text)]).items() if torch.is_tensor(v)}
        with torch.inference_mode():
            logits = model.transformers_model(input_ids=inputs["input_ids"]).logits[0, -1]
        yes, no = (float(logits[t]) for t in (model[1].true_token_id, model[1].false_token_id))
        assert found[n] == pytest.approx(math.exp(yes) / (math.exp(yes) + math.exp(no)), abs=1e-4)


async def test_best_first_each_once_and_nothing_for_nothing(yes_no: Path) -> None:
    reranker = CrossEncoderReranker(str(yes_no))
    found = await reranker.rerank("what is it?", THREE)
    assert sorted(s.index for s in found) == [0, 1, 2]
    assert [s.score for s in found] == sorted((s.score for s in found), reverse=True)
    assert all(0 <= s.score <= 1 for s in found) and len({s.score for s in found}) == 3
    assert await reranker.rerank("what is it?", []) == []


async def test_a_picture_is_judged_with_its_words_where_the_model_sees(tmp_path: Path) -> None:
    from sentence_transformers import CrossEncoder
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.cross_encoder.modules import LogitScore

    seeing = Transformer(str(make("idefics3", tmp_path / "bare")), transformer_task="any-to-any")
    CrossEncoder(modules=[seeing, LogitScore(*_said(seeing))]).save_pretrained(str(tmp_path / "whole"))

    def picture(digest: str) -> bytes:
        data = io.BytesIO()
        noise = Image.effect_noise((60, 40), 90) if digest == "noise" else Image.new("L", (60, 40), 200)
        noise.save(data, "PNG")
        return data.getvalue()

    same = [Candidate("a red bus", image=image) for image in (None, "flat", "noise")]
    found = await CrossEncoderReranker(str(tmp_path / "whole"), picture).rerank("what is it?", same)
    assert len({round(s.score, 7) for s in found}) == 3, "each picture, and none, gives another score"


async def test_a_classifier_is_no_reranker(tmp_path: Path) -> None:
    from fakes.checkpoints import chat_tokenizer
    from transformers import BertConfig, BertForSequenceClassification

    tokenizer = chat_tokenizer()
    config = BertConfig(  # type: ignore[call-arg]
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        num_labels=3, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="3 labels"):
        await CrossEncoderReranker(str(tmp_path)).rerank("what is it?", THREE)


async def test_row_47_a_folder_that_holds_no_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="The reranker cross-encoder:"):
        await CrossEncoderReranker(str(tmp_path)).rerank("what is it?", THREE)


def test_a_wrong_spec_is_found_before_anything_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for spec in ("cross-encoder", "cross-encoder:", "maxsim:", "bm25:x", f"cross-encoder:{tmp_path}/none"):
        with pytest.raises(BadConfig):
            make_local(spec)
    monkeypatch.setattr("foveal.tools.rerank.local.find_spec", lambda name: None)
    with pytest.raises(BadConfig) as caught:
        make_local("cross-encoder:some/model")
    assert "foveal[rerank]" in caught.value.remedy
