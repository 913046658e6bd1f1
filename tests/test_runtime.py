from __future__ import annotations

import subprocess
import sys

import pytest

from foveal.errors import ModelUnavailable, WeightsCorrupt
from foveal.runtime import make_embedders
from foveal.settings import Settings
from foveal.tools.embed import eye, ocr, text

LIGHT = """
import sys
from foveal.runtime import make_embedders
from foveal.settings import Settings
made = make_embedders(Settings(threads=1))
assert made.text.dim == 384 and made.eye.dim == 1472 and made.eye is made.labeller
heavy = {"torch", "transformers", "onnxruntime", "rapidocr", "cv2"} & set(sys.modules)
assert not heavy, heavy
"""


def test_building_the_embedders_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("error", [WeightsCorrupt("x", remedy="r"), ModelUnavailable("x", remedy="r")])
def test_bad_weights_are_reported_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch, error: ModelUnavailable
) -> None:
    from PIL import Image

    def refuse(name: str, **_: object) -> None:
        raise error

    for module in (text, eye, ocr):
        monkeypatch.setattr(module, "path_of", refuse)
    made, picture = make_embedders(Settings(threads=1)), Image.new("RGB", (8, 8))
    for call in (
        lambda: made.text.embed_texts(["a"]),
        lambda: made.eye.embed_images([picture]),
        lambda: made.labeller.label_images([picture]),
        lambda: made.ocr.read(picture),
    ):
        with pytest.raises(type(error)):
            call()
