"""Pictures on their way to an endpoint."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from foveal.errors import BadImage, ContextOverflow
from foveal.tools.models.openai_pictures import PictureBudget, data_urls


def noise(width: int, height: int) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def opened(url: str) -> Image.Image:
    head, _, body = url.partition(",")
    assert head in ("data:image/jpeg;base64", "data:image/png;base64")
    return Image.open(io.BytesIO(base64.b64decode(body)))


def test_a_small_picture_goes_as_it_is() -> None:
    data = noise(64, 48)
    url = data_urls(["a"], lambda _: data, PictureBudget())["a"]
    assert base64.b64decode(url.partition(",")[2]) == data


def test_a_long_edge_and_a_heavy_picture_are_shrunk() -> None:
    data = noise(1200, 300)
    assert opened(data_urls(["a"], lambda _: data, PictureBudget(edge=600))["a"]).size == (600, 150)
    light = data_urls(["a"], lambda _: data, PictureBudget(picture=60_000))["a"]
    assert len(light) < 60_100
    assert max(opened(light).size) >= 256


def test_all_pictures_of_a_request_fit_or_it_is_refused() -> None:
    data = noise(800, 800)
    digests = [str(n) for n in range(4)]
    urls = data_urls(digests, lambda _: data, PictureBudget(request=400_000))
    assert sum(map(len, urls.values())) <= 400_000
    assert len({opened(url).size for url in urls.values()}) == 1, "all are shrunk alike"
    with pytest.raises(ContextOverflow, match="4 pictures") as error:
        data_urls(digests, lambda _: data, PictureBudget(request=20_000))
    assert error.value.remedy == "Give fewer pictures."


def test_a_picture_sent_twice_counts_twice() -> None:
    data = noise(400, 400)
    once = len(data_urls(["a"], lambda _: data, PictureBudget())["a"])
    assert len(data_urls(["a", "a"], lambda _: data, PictureBudget(request=once + 10))["a"]) < once


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(BadImage):
        data_urls(["a"], lambda _: b"<svg/>", PictureBudget())
