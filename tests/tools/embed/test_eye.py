from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from foveal.errors import ModelUnavailable
from foveal.tools.embed.eye import Eye, thumbnails
from foveal.tools.embed.vectors import centre, mean_of


@pytest.fixture(scope="module")
def eye() -> Eye:
    return Eye(threads=1)


def flag(*colours: str, size: tuple[int, int] = (300, 200), emblem: bool = False) -> Image.Image:
    image = Image.new("RGB", size)
    draw = ImageDraw.Draw(image)
    for i, colour in enumerate(colours):
        draw.rectangle((i * size[0] // len(colours), 0, size[0], size[1]), fill=colour)
    if emblem:
        draw.ellipse((size[0] * 0.4, size[1] * 0.35, size[0] * 0.6, size[1] * 0.65), fill="navy")
    return image


def test_features_and_labels_of_one_look(eye: Eye) -> None:
    images = [flag("red", "white"), flag("green", "yellow", "black")]
    features, labels = eye.look(images, k=3)
    assert features.shape == (2, eye.dim) and features.dtype == np.float32
    assert np.allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)
    assert np.allclose(features, eye.embed_images(images), atol=1e-5)
    assert labels == eye.label_images(images, k=3)
    assert [len(row) for row in labels] == [3, 3]
    for row in labels:
        probabilities = [label.probability for label in row]
        assert probabilities == sorted(probabilities, reverse=True) and 0 < sum(probabilities) <= 1.0001
        assert all(eye.labels.class_of(label) for label in row)


def test_network_runs_once_a_batch(eye: Eye, monkeypatch: pytest.MonkeyPatch) -> None:
    network, calls = eye._load(), []
    run = network.extract_features
    monkeypatch.setattr(network, "extract_features", lambda pixels: calls.append(len(pixels)) or run(pixels))
    eye.look([flag("red")] * 3)
    assert calls == [6]


def test_a_redrawn_flag_is_found(eye: Eye) -> None:
    """The same stripes at another size and ratio, among other stripes: nearest by centred cosine."""
    designs = [
        ("red", "white", "red"), ("green", "white", "orange"), ("blue", "yellow", "red"),
        ("black", "gold", "red"), ("blue", "white", "blue"), ("green", "gold"),
    ]  # fmt: skip
    gallery = eye.embed_images([flag(*design) for design in designs])
    queries = eye.embed_images([flag(*design, size=(180, 140)) for design in designs])
    mean = mean_of(gallery)
    found = (centre(queries, mean) @ centre(gallery, mean).T).argmax(axis=1)
    assert found.tolist() == list(range(len(designs)))


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (900, 2)])
def test_row_37_tiny_and_thin_pictures(eye: Eye, size: tuple[int, int]) -> None:
    features = eye.embed_images([Image.new("L", size, 128)])
    assert np.isfinite(features).all()


def test_order_and_batches_do_not_matter(eye: Eye) -> None:
    images = [flag("red", "white", emblem=bool(i % 2), size=(40 + i, 60)) for i in range(9)]
    together = eye.embed_images(images)
    assert np.allclose(together[8], eye.embed_images(images[8:])[0], atol=1e-4)
    assert eye.embed_images([]).shape == (0, eye.dim) and eye.label_images([]) == []


def test_loading_is_lazy_and_happens_once(monkeypatch: pytest.MonkeyPatch) -> None:
    eye, loads = Eye(), []
    monkeypatch.setattr(eye, "_read", lambda: loads.append(1) or object())
    threads = [threading.Thread(target=eye._load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads == [1]


def test_a_file_that_is_no_network(tmp_path: Path) -> None:
    (tmp_path / "bad.pth").write_bytes(b"not weights")
    for path in (tmp_path / "bad.pth", tmp_path / "none.pth"):
        with pytest.raises(ModelUnavailable) as caught:
            Eye(path).embed_images([flag("red")])
        assert caught.value.remedy


def waved(image: Image.Image) -> Image.Image:
    """Cloth in the wind: columns shifted by 2 % of the height, lit on one slope and in the shade on the other."""
    pixels = np.asarray(image, dtype=np.float32)
    phase = 4 * np.pi * np.arange(image.width) / image.width
    shift = (0.02 * image.height * np.sin(phase)).round().astype(int)
    rows = (np.arange(image.height)[:, None] + shift[None, :]).clip(0, image.height - 1)
    lit = pixels[rows, np.arange(image.width)] * (1 + 0.15 * np.cos(phase))[None, :, None]
    return Image.fromarray(lit.clip(0, 255).astype(np.uint8))


def test_waved_flags_are_told_apart_by_colour(eye: Eye) -> None:
    """Of twelve tricolours in other colours, which shapes alone confuse, each is found again in the wind."""
    colours = ["red", "white", "green", "gold", "navy", "black"]
    designs = [(a, b, c) for a in colours[:3] for b in colours[3:5] for c in (colours[5], "orange")]
    gallery, queries = (eye.embed_images(images) for images in (
        [flag(*d) for d in designs], [waved(flag(*d)) for d in designs],
    ))  # fmt: skip
    mean = mean_of(gallery)
    found = (centre(queries, mean) @ centre(gallery, mean).T).argmax(axis=1)
    assert found.tolist() == list(range(len(designs)))
    shapes, seen = gallery[:, :1280], queries[:, :1280]
    by_shape = (centre(seen, mean_of(shapes)) @ centre(shapes, mean_of(shapes)).T).argmax(axis=1)
    assert (by_shape != found).any(), "without the thumbnail some are taken for others"


def test_a_darker_copy_has_nearly_the_same_thumbnail() -> None:
    square = np.asarray(flag("red", "white", "navy", size=(256, 256)), dtype=np.float32)
    bright, dark, other = thumbnails(np.stack([square, square * 0.8, square[:, ::-1]]))
    assert bright.shape == (192,) and np.linalg.norm(bright) < 0.8
    assert np.linalg.norm(bright - dark) < 0.3 * np.linalg.norm(bright - other)
    grey = thumbnails(np.full((1, 256, 256, 3), 90, dtype=np.float32))
    assert np.allclose(grey, 0, atol=1e-6), "an even grey says nothing"
