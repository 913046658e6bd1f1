"""From bytes somebody sent to an upright RGB picture, or a :class:`BadImage` that says why not.

Sizes are checked in the header, before any pixel is decoded. Only the formats of :data:`FORMATS` reach a
decoder; PostScript, SVG, PDF and the rest are refused whatever their file name says.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

import numpy as np
from PIL import Image

from foveal.errors import BadImage

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
ACCEPTED = "PNG, JPEG, WebP, GIF, BMP or TIFF"
MIME_TYPES = frozenset({"image/png", "image/jpeg", "image/jpg", "image/webp", "image/gif", "image/bmp", "image/tiff"})
MAX_PICTURES = 8
"""Pictures in one request."""

# Longest side allowed to be this many times the shortest; resizers of vision models divide by the short side.
_MAX_ASPECT = 50
_ORIENTATION = 0x0112
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DATA_URL = re.compile(r"data:([^,;]*)((?:;[^,;]*)*),", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps on a picture: ``bytes`` of the file, ``pixels`` in all, ``edge`` in pixels, ``frames``."""

    bytes: int = 25_000_000
    pixels: int = 50_000_000
    edge: int = 32_768
    frames: int = 1000


def bad_image(reason: str, *, name: str = "", remedy: str | None = None) -> BadImage:
    """Return the error for the picture called *name*; the message always names the accepted formats."""
    what = f"The picture '{name}'" if name else "The picture"
    return BadImage(f"{what} {reason} (accepted: {ACCEPTED}).", remedy=remedy)


def check_count(count: int, *, limit: int = MAX_PICTURES) -> None:
    """Raise BadImage when a request carries more than *limit* pictures."""
    if count > limit:
        raise BadImage(
            f"{count} pictures were given, at most {limit} fit into one question (each may be {ACCEPTED}).",
            remedy=f"Ask about {limit} pictures or fewer at a time, or add them to a collection.",
        )


def decode(data: bytes, *, name: str = "", limits: Limits | None = None) -> Image.Image:
    """Return the first frame of *data* as upright RGB, alpha laid on white, free of metadata.

    Raises BadImage for an unknown format, a picture over *limits*, and damaged or truncated data.
    """
    limits = limits or Limits()
    if not data:
        raise bad_image("is an empty file", name=name, remedy="Check that it was saved or downloaded fully.")
    if len(data) > limits.bytes:
        raise _too_many_bytes(len(data), name, limits)
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.UnidentifiedImageError as error:
        raise bad_image(f"is {_kind(data)}, not a picture that can be read", name=name) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels("far too many", name, limits) from error
    except Exception as error:  # decoders raise nearly anything on hostile bytes
        raise _damaged(name) from error
    with image:
        _check_header(image, name, limits)
        try:
            image.load()
        except Exception as error:
            raise _damaged(name) from error
        try:
            return normalise(image)
        except Exception as error:
            raise bad_image(f"has colours of a kind that cannot be read ({image.mode})", name=name) from error


def normalise(image: Image.Image) -> Image.Image:
    """Return a loaded *image* turned upright, on white, as RGB with no metadata, and not thinner than 1:50.

    A strip is padded with white at its right or lower side, so that pixel coordinates stay what they were.
    """
    turn = _TRANSPOSE.get(_orientation(image))
    if turn is not None:
        image = image.transpose(turn)
    rgb = _to_rgb(image)
    width, height = rgb.size
    least = -(-max(width, height) // _MAX_ASPECT)
    canvas = Image.new("RGB", (max(width, least), max(height, least)), "white")
    canvas.paste(rgb)
    return canvas


def parse_data_url(url: str, *, name: str = "", limits: Limits | None = None) -> bytes:
    """Return the bytes of a ``data:image/...;base64,`` URL. Raises BadImage; does not decode the picture."""
    limits = limits or Limits()
    match = _DATA_URL.match(url)
    if match is None:
        raise bad_image("is not a data URL of the form data:image/png;base64,...", name=name)
    mime, parameters = match[1].strip().lower(), match[2].lower().split(";")
    if mime not in MIME_TYPES:
        raise bad_image(f"is declared as '{(mime or 'text/plain')[:60]}'", name=name)
    if "base64" not in (parameter.strip() for parameter in parameters):
        raise bad_image("is a data URL without base64", name=name)
    if (len(url) - match.end()) * 3 // 4 > limits.bytes * 3:
        # before anything is copied; percent-encoding makes base64 at most three times as long
        raise _too_many_bytes((len(url) - match.end()) * 3 // 4, name, limits)
    payload = b"".join(unquote_to_bytes(url[match.end() :]).split())
    try:
        data = base64.b64decode(payload, validate=True)
    except binascii.Error as error:
        raise bad_image("is a data URL with broken base64", name=name) from error
    if len(data) > limits.bytes:
        raise _too_many_bytes(len(data), name, limits)
    return data


def _check_header(image: Image.Image, name: str, limits: Limits) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise bad_image(f"has no area ({width} x {height} pixels)", name=name)
    if width * height > limits.pixels or max(width, height) > limits.edge:
        raise _too_many_pixels(f"{width} x {height}", name, limits)
    try:
        frames = getattr(image, "n_frames", 1)
    except Exception as error:
        raise _damaged(name) from error
    if frames > limits.frames:
        raise bad_image(
            f"has {frames} frames, at most {limits.frames} are accepted",
            name=name,
            remedy="Save the frame you mean as a picture of its own.",
        )


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF is no reason to refuse good pixels
        return 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F" or image.mode.startswith("I"):
        return Image.fromarray(_to_8_bits(np.asarray(image), image.mode)).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _to_8_bits(values: np.ndarray, mode: str) -> np.ndarray:
    """Scale grey *values* to uint8: by their mode's range if it has one, else by what they span."""
    grey = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(grey.min()), float(grey.max())
    if mode.startswith("I;16"):
        low, high = 0.0, 65_535.0
    elif low >= 0:
        scales = (1.0, 255.0) if mode == "F" else (255.0, 65_535.0)
        low, high = 0.0, next((scale for scale in scales if high <= scale), high)
    return np.round((grey - low) * (255.0 / max(high - low, 1e-12))).clip(0, 255).astype(np.uint8)


def _kind(data: bytes) -> str:
    head = data[:512].lstrip().lower()
    if head.startswith(b"%pdf"):
        return "a PDF document"
    if head.startswith(b"%!ps") or head.startswith(b"\xc5\xd0\xd3\xc6"):
        return "a PostScript file"
    if b"<svg" in head:
        return "an SVG drawing"
    if head.startswith((b"<!doctype html", b"<html")):
        return "an HTML page"
    return "of an unknown kind"


def _damaged(name: str) -> BadImage:
    return bad_image("is damaged or cut off", name=name, remedy="Download or save it again; no part of it was used.")


def _too_many_bytes(size: int, name: str, limits: Limits) -> BadImage:
    return bad_image(
        f"has {size / 1e6:.1f} MB, at most {limits.bytes / 1e6:g} MB are accepted",
        name=name,
        remedy="Save it smaller or as JPEG.",
    )


def _too_many_pixels(size: str, name: str, limits: Limits) -> BadImage:
    return bad_image(
        f"has {size} pixels, at most {limits.pixels / 1e6:g} million and {limits.edge} a side are accepted",
        name=name,
        remedy="Scale it down, or cut out the part you mean.",
    )
