from __future__ import annotations

import subprocess
import sys

import pytest

from foveal.errors import ModelUnavailable, WeightsCorrupt
from foveal.tools.embed import eye, ocr, text
from foveal.tools.embed.stack import embedded_stack

LIGHT = """
import sys
from foveal.tools.embed.stack import embedded_stack
from foveal.tools.images.store import FileBlobStore
stack = embedded_stack(threads=1)
assert stack.id and stack.texts.dim == 384 and stack.images.dim == 1280 and stack.images is stack.labels
heavy = {"torch", "transformers", "onnxruntime", "rapidocr", "cv2"} & set(sys.modules)
assert not heavy, heavy
"""


def test_building_the_stack_loads_nothing_heavy() -> None:
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
    stack, picture = embedded_stack(threads=1), Image.new("RGB", (8, 8))
    for call in (
        lambda: stack.texts.embed_texts(["a"]),
        lambda: stack.images.embed_images([picture]),
        lambda: stack.labels.label_images([picture]),
        lambda: stack.ocr.read(picture),
    ):
        with pytest.raises(type(error)):
            call()
