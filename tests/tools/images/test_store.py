from __future__ import annotations

import errno
import hashlib
import io
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from foveal.errors import BackendError, BadImage, StorageFull
from foveal.tools.images.crop import clip_box
from foveal.tools.images.decode import Limits
from foveal.tools.images.store import FileBlobStore
from foveal.types import ImageRef, Region


def picture(width: int = 300, height: int = 200) -> Image.Image:
    """Return a drawing in which every block of 10 x 10 pixels has a colour of its own."""
    y, x = np.mgrid[0:height, 0:width] // 10
    return Image.fromarray(np.stack([x * 8 % 256, y * 12 % 256, (x + y) % 256], axis=-1).astype(np.uint8))


def photo(width: int = 300, height: int = 200) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8))


def saved(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@pytest.fixture
def store(tmp_path: Path) -> FileBlobStore:
    return FileBlobStore(tmp_path / "blobs")


def test_one_file_by_content(store: FileBlobStore) -> None:
    first = store.put_bytes(saved(picture()), name="/home/me/a.png")
    again = store.put_bytes(saved(picture(), "BMP"), origin="result")
    assert first.sha256 == again.sha256 and first.name == "a.png" and again.origin == "result"
    assert (first.width, first.height) == (300, 200)
    files = [path for path in store.root.rglob("*") if path.is_file()]
    assert files == [store.root / first.sha256[:2] / f"{first.sha256[2:]}.png"]
    assert hashlib.sha256(store.read(first.sha256)).hexdigest() == first.sha256
    assert first.sha256 in store and "0" * 64 not in store
    assert store.ref(first.sha256, origin="user", name="a.png") == first


def test_drawings_are_kept_exactly_and_photos_as_jpeg(store: FileBlobStore) -> None:
    drawing = store.put_image(picture())
    assert np.array_equal(np.asarray(store.open(drawing.sha256)), np.asarray(picture()))
    assert store.path(store.put_image(photo()).sha256).suffix == ".jpg"


def test_row_36_metadata_is_gone(store: FileBlobStore) -> None:
    secret = b"51.5007-SECRET"
    exif = Image.Exif()
    exif[0x010E] = secret.decode()
    exif.get_ifd(0x8825)[2] = (51.0, 30.0, 2.5)
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", secret.decode())
    xmp = b"<x:xmpmeta>" + secret + b"</x:xmpmeta>"
    sent = [
        saved(photo(), "JPEG", exif=exif, comment=secret, xmp=xmp, icc_profile=secret) + secret,
        saved(picture(), "JPEG", exif=exif, comment=secret) + secret,
        saved(picture(), "PNG", pnginfo=text, exif=exif) + secret,
        saved(picture(), "WEBP", exif=exif, xmp=xmp),
        saved(picture(), "GIF", comment=secret),
    ]
    for data in sent:
        assert secret in data
        kept = store.read(store.put_bytes(data).sha256)
        assert secret not in kept and b"Exif" not in kept
        with Image.open(io.BytesIO(kept)) as image:
            assert not image.getexif() and "comment" not in image.info and "icc_profile" not in image.info


def test_crop_of_a_crop_maps_to_the_original(store: FileBlobStore) -> None:
    whole = store.put_image(picture(), name="map.png", origin="user")
    outer = store.crop(whole, Region(100, 50, 260, 180))
    inner = store.crop(outer, Region(20, 10, 90, 60))
    assert outer.parent == inner.parent == whole.sha256
    assert inner.origin == "crop" and inner.name == "map.png"
    assert inner.box == Region(120, 60, 190, 110)
    expected = picture().crop((120, 60, 190, 110))
    assert np.array_equal(np.asarray(store.open(inner.sha256)), np.asarray(expected))


def test_crop_is_clipped(store: FileBlobStore) -> None:
    whole = store.put_image(picture())
    assert store.crop(whole, Region(-5, -5, 9999, 20)).box == Region(0, 0, 300, 20)


@pytest.mark.parametrize(
    "box", [Region(50, 50, 50, 90), Region(90, 10, 20, 60), Region(10, 60, 90, 10), Region(300, 0, 400, 9)]
)
def test_row_37_empty_or_inverted_box(store: FileBlobStore, box: Region) -> None:
    whole = store.put_image(picture(), name="map.png")
    with pytest.raises(BadImage, match="map"):
        store.crop(whole, box)


def test_row_37_thin_crop_is_padded_and_its_padding_is_not_original(store: FileBlobStore) -> None:
    whole = store.put_image(picture())
    thin = store.crop(whole, Region(0, 20, 300, 21))
    assert (thin.width, thin.height) == (300, 6) and thin.box == Region(0, 20, 300, 21)
    assert store.crop(thin, Region(10, 0, 40, 6)).box == Region(10, 20, 40, 21)
    with pytest.raises(BadImage):
        store.crop(thin, Region(10, 2, 40, 6))


@settings(max_examples=200, deadline=None)
@given(*[st.integers(-50, 150)] * 4)
def test_clip_box_stays_inside(x0: int, y0: int, x1: int, y1: int) -> None:
    ref = ImageRef("0" * 64, 100, 80)
    try:
        box = clip_box(ref, Region(x0, y0, x1, y1))
    except BadImage:
        assert x0 >= x1 or y0 >= y1 or x0 >= 100 or y0 >= 80 or x1 <= 0 or y1 <= 0
    else:
        assert 0 <= box.x0 < box.x1 <= 100 and 0 <= box.y0 < box.y1 <= 80


def test_row_32_path_is_missing_or_not_a_file(store: FileBlobStore, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    for path in (tmp_path / "none.png", tmp_path, pipe, Path("/dev/zero"), Path("bad\0.png")):
        with pytest.raises(BadImage) as caught:
            store.put_path(path)
        assert caught.value.remedy
    (tmp_path / "good.png").write_bytes(saved(picture()))
    assert store.put_path(tmp_path / "good.png").name == "good.png"


def test_row_33_big_file_is_not_read_whole(tmp_path: Path) -> None:
    big = tmp_path / "big.png"
    with big.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(BadImage, match="big"):
        FileBlobStore(tmp_path / "s", limits=Limits(bytes=1000)).put_path(big)


@pytest.mark.parametrize("sha256", ["", "../../etc/passwd", "0" * 64, "A" * 64, "0" * 63])
def test_unknown_picture(store: FileBlobStore, sha256: str) -> None:
    for call in (store.open, store.read, store.path, store.ref):
        with pytest.raises(BadImage):
            call(sha256)


def test_damage_on_disk_is_seen_and_repaired_by_adding_again(store: FileBlobStore) -> None:
    ref = store.put_image(picture())
    path = store.path(ref.sha256)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BadImage, match="damaged"):
        store.open(ref.sha256)
    assert store.put_image(picture()).sha256 == ref.sha256
    assert store.open(ref.sha256).size == (300, 200)


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, StorageFull), (errno.EDQUOT, StorageFull), (errno.EACCES, BackendError)],
)
def test_full_disk_leaves_nothing_behind(
    store: FileBlobStore, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[BackendError]
) -> None:
    def refuse(self: Path, target: Path) -> Path:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(kind) as caught:
        store.put_image(picture())
    assert caught.value.remedy
    assert not [path for path in store.root.rglob("*") if path.is_file()]
