from __future__ import annotations

import base64
import contextlib
import io
import random
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from foveal.errors import BadImage
from foveal.tools.images.decode import ACCEPTED, Limits, check_count, decode, parse_data_url


def saved(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def noise(width: int = 40, height: int = 30) -> Image.Image:
    pixels = np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that promises *width* x *height* pixels and holds none."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b"\x89", "unknown kind"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "HTML"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
        (b"%PDF-1.7\n1 0 obj\n", "PDF"),
    ],
)
def test_row_32_not_a_picture(data: bytes, word: str) -> None:
    with pytest.raises(BadImage) as caught:
        decode(data, name="holiday.jpg")
    assert word in caught.value.message
    assert "holiday.jpg" in caught.value.message and caught.value.remedy
    if data:
        assert ACCEPTED in caught.value.message


@pytest.mark.parametrize("format", ["PPM", "TGA", "ICO", "PCX", "JPEG2000"])
def test_row_32_formats_off_the_list_are_refused(format: str) -> None:
    with pytest.raises(BadImage):
        decode(saved(noise(), format))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_accepted_formats(format: str) -> None:
    assert decode(saved(noise(), format)).size == (40, 30)


@pytest.mark.parametrize("size", [(20_000, 20_000), (12_000, 12_000), (8_000, 8_000), (40_000, 2)])
def test_row_33_bomb_is_refused_by_its_header(size: tuple[int, int]) -> None:
    with pytest.raises(BadImage, match="pixels"):
        decode(png_header(*size), name="bomb.png")


@pytest.mark.parametrize("format", ["GIF", "WEBP"])
def test_row_33_too_many_frames(format: str) -> None:
    frames = [Image.new("RGB", (2, 2), ("red", "blue")[n % 2]) for n in range(40)]
    data = saved(frames[0], format, save_all=True, append_images=frames[1:])
    with pytest.raises(BadImage, match="40 frames"):
        decode(data, limits=Limits(frames=39))
    assert decode(data, limits=Limits(frames=40)).size == (2, 2)


def test_row_33_too_many_bytes() -> None:
    with pytest.raises(BadImage, match="MB"):
        decode(saved(noise()), limits=Limits(bytes=100))


def test_first_frame_is_taken() -> None:
    red, blue = Image.new("RGB", (4, 4), "red"), Image.new("RGB", (4, 4), "blue")
    assert decode(saved(red, "GIF", save_all=True, append_images=[blue])).getpixel((1, 1)) == (255, 0, 0)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"])
def test_row_34_truncated(format: str) -> None:
    data = saved(noise(120, 90), format)
    with pytest.raises(BadImage, match="damaged or cut off"):
        decode(data[: len(data) * 2 // 3], name="half.jpg")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "I;16", "F", "I", "LA", "PA", "RGBA"])
def test_row_35_modes_become_upright_rgb(mode: str) -> None:
    grey = np.tile(np.linspace(0, 255, 64, dtype=np.uint8), (16, 1))
    if mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) * 257)
    elif mode == "F":
        image = Image.fromarray(grey.astype(np.float32) / 255)
    elif mode == "I":
        image = Image.fromarray(grey.astype(np.int32) * 257)
    elif mode == "PA":
        image = Image.fromarray(grey).convert("P").convert("PA")
    else:
        image = Image.fromarray(grey).convert("RGBA" if mode == "RGBA" else "RGB").convert(mode)
    assert image.mode == mode
    result = decode(saved(image, "TIFF"))
    assert result.mode == "RGB" and result.size == (64, 16)
    assert min(result.getpixel((0, 8))) < 12 and max(result.getpixel((0, 8))) < 60
    assert min(result.getpixel((63, 8))) > 240


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_row_35_alpha_is_laid_on_white(mode: str) -> None:
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 4, 8))
    result = decode(saved(image.convert(mode), "PNG"))
    assert result.getpixel((1, 1)) == (0, 0, 0) and result.getpixel((6, 6)) == (255, 255, 255)


@pytest.mark.parametrize("format", ["JPEG", "TIFF", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_row_35_exif_rotation(orientation: int, format: str) -> None:
    upright = Image.new("RGB", (48, 32), "white")
    upright.paste("red", (0, 0, 16, 16))
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    turned = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    result = decode(saved(turned, format, exif=exif))
    assert result.size == (48, 32)
    red, green, blue = result.getpixel((4, 4))
    assert red > 200 and green < 80 and blue < 80
    assert min(result.getpixel((44, 28))) > 200


def test_damaged_exif_is_no_reason_to_refuse() -> None:
    assert decode(saved(noise(), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")).size == (40, 30)


def test_row_37_no_area() -> None:
    with pytest.raises(BadImage):
        decode(png_header(0, 10))


@pytest.mark.parametrize("size", [(1, 10_000), (10_000, 1)])
def test_row_37_strip_is_padded_at_its_far_side(size: tuple[int, int]) -> None:
    result = decode(saved(Image.new("RGB", size, "red")))
    assert sorted(result.size) == [200, 10_000]
    assert result.getpixel((0, 0)) == (255, 0, 0) and result.getpixel((199, 199)) == ((255, 255, 255))


def test_row_38_good_data_url() -> None:
    data = saved(noise())
    assert parse_data_url("data:image/png;base64," + base64.b64encode(data).decode()) == data
    assert parse_data_url("DATA:image/PNG;charset=x;BASE64, " + base64.b64encode(data).decode()) == data


@pytest.mark.parametrize(
    "url",
    [
        "data:image/png;base64,@@@@",
        "data:image/png;base64,abc",
        "data:text/html;base64,PGgxPg==",
        "data:text/html,<script>alert(1)</script>",
        "data:image/svg+xml;base64,PHN2Zy8+",
        "data:;base64,AAAA",
        "data:image/png,AAAA",
        "data:image/png;base64",
        "http://example.org/a.png",
    ],
)
def test_row_38_bad_data_url(url: str) -> None:
    with pytest.raises(BadImage) as caught:
        parse_data_url(url)
    assert ACCEPTED in caught.value.message


def test_row_38_data_url_over_the_cap() -> None:
    for size in (101, 1000):
        url = "data:image/png;base64," + base64.b64encode(b"x" * size).decode()
        with pytest.raises(BadImage, match="MB"):
            parse_data_url(url, limits=Limits(bytes=100))


def test_row_39_twelve_pictures() -> None:
    check_count(8)
    with pytest.raises(BadImage, match="12 pictures"):
        check_count(12)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"]), st.integers(0, 2**32))
def test_mutated_files_decode_or_are_refused(format: str, seed: int) -> None:
    """Whatever the bytes are, the outcome is an RGB picture or a BadImage."""
    choose = random.Random(seed)
    data = bytearray(saved(noise(), format))
    for _ in range(choose.randint(1, 12)):
        data[choose.randrange(len(data))] = choose.randrange(256)
    try:
        assert decode(bytes(data), limits=Limits(pixels=1_000_000)).mode == "RGB"
    except BadImage as error:
        assert error.remedy


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_data_url_parser_never_breaks(text: str) -> None:
    for url in (text, "data:" + text, "data:image/png;base64," + text):
        with contextlib.suppress(BadImage):
            parse_data_url(url)
