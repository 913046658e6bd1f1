"""MaxSim: the formula against two loops, and page tokens through the library on tiny random checkpoints."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from fakes.checkpoints import make
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from foveal.tools.rerank.maxsim import MaxSimReranker, maxsim
from foveal.types import Candidate

SIZES = st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 4))


@given(SIZES, st.data())
def test_maxsim_is_the_best_partner_of_each_query_token_added_up(
    sizes: tuple[int, int, int], data: st.DataObject
) -> None:
    m, n, dim = sizes
    query, document = (data.draw(arrays(np.float64, (k, dim), elements=st.floats(-4, 4, width=32))) for k in (m, n))
    total = 0.0
    for q in query:
        best = None
        for d in document:
            product = sum(a * b for a, b in zip(q, d, strict=True))
            best = product if best is None or product > best else best
        total += best or 0.0
    assert maxsim(query, document) == pytest.approx(total, abs=1e-9)


async def test_passages_are_scored_by_their_tokens(tmp_path: Path) -> None:
    from sentence_transformers import MultiVectorEncoder

    encoder = MultiVectorEncoder(str(make("qwen2", tmp_path / "bare")))
    encoder.save_pretrained(str(tmp_path / "whole"))
    passages = [Candidate("the lazy dog"), Candidate("a red bus"), Candidate("the year 1889", "Paris")]
    found = await MaxSimReranker(str(tmp_path / "whole")).rerank("a red bus", passages)
    texts = [f"{c.title}\n{c.text}" if c.title else c.text for c in passages]
    query, documents = encoder.encode_query("a red bus"), encoder.encode_document(texts)
    theirs = encoder.similarity([query], documents)[0] / len(query)
    assert [s.index for s in found] == [int(i) for i in theirs.argsort(descending=True)]
    assert [s.score for s in found] == pytest.approx(sorted(map(float, theirs), reverse=True), abs=1e-4)


async def test_a_page_is_scored_by_its_picture_where_the_model_sees(tmp_path: Path) -> None:
    from sentence_transformers import MultiVectorEncoder

    MultiVectorEncoder(str(make("idefics3", tmp_path / "bare"))).save_pretrained(str(tmp_path / "whole"))

    def picture(digest: str) -> bytes:
        data = io.BytesIO()
        Image.new("RGB", (60, 40), digest).save(data, "PNG")
        return data.getvalue()

    pages = [Candidate("same words"), Candidate("same words", image="red"), Candidate("same words", image="navy")]
    found = await MaxSimReranker(str(tmp_path / "whole"), picture).rerank("what is it?", pages)
    assert len({round(s.score, 7) for s in found}) == 3
    blind = await MaxSimReranker(str(tmp_path / "whole")).rerank("what is it?", pages)
    assert len({round(s.score, 5) for s in blind}) == 1
