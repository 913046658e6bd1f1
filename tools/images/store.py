"""Where pictures live: once each, re-encoded, in files named by the sha256 of their bytes."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import stat
import tempfile
from pathlib import Path
from typing import cast

from PIL import Image

from foveal.errors import BackendError, BadImage, StorageFull
from foveal.tools.images.crop import clip_box, to_original
from foveal.tools.images.decode import ACCEPTED, FORMATS, Limits, bad_image, decode, normalise
from foveal.types import ImageRef, Origin, Region

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SUFFIXES = (".jpg", ".png")
# A picture this small, or of this few colours, is kept without loss; PNG is then no bigger than JPEG.
_SMALL_PIXELS = 128 * 128
_FEW_COLOURS = 2048
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def encode(image: Image.Image) -> tuple[bytes, str]:
    """Return RGB *image* as file bytes and their suffix: PNG for small pictures and drawings, else JPEG.

    The same pixels give the same bytes (for one version of the codecs). *image* must carry no metadata.
    """
    buffer = io.BytesIO()
    if image.width * image.height <= _SMALL_PIXELS or image.getcolors(_FEW_COLOURS) is not None:
        image.save(buffer, "PNG", compress_level=6)
        return buffer.getvalue(), ".png"
    image.save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue(), ".jpg"


def digest_of(image: bytes | str | Path, *, limits: Limits | None = None) -> str:
    """Return the sha256 by which a store would keep a picture, given as bytes or path. Raises BadImage."""
    limits = limits or Limits()
    data = bytes(image) if isinstance(image, bytes | bytearray) else _read_regular(Path(image), limits)
    return hashlib.sha256(encode(decode(data, limits=limits))[0]).hexdigest()


class FileBlobStore:
    """A content-addressed folder of pictures: ``root/ab/cdef....jpg`` or ``.png``. Safe to share by threads.

    Only what :func:`~foveal.tools.images.decode.decode` let through and :func:`encode` wrote is in it, so
    no file holds EXIF, GPS, comments or trailing payload of what was sent.
    """

    def __init__(self, root: str | Path, *, limits: Limits | None = None) -> None:
        self.root = Path(root)
        self.limits = limits or Limits()

    def put_bytes(self, data: bytes, *, name: str = "", origin: str = "user") -> ImageRef:
        """Decode, clean, re-encode and keep a picture. Raises BadImage, StorageFull, BackendError."""
        return self._keep(decode(data, name=name, limits=self.limits), name=name, origin=origin)

    def put_path(self, path: str | Path, *, origin: str = "user") -> ImageRef:
        """Keep the picture in the file *path*; pipes, devices and folders are refused unread.

        Raises BadImage, StorageFull, BackendError.
        """
        path = Path(path)
        return self.put_bytes(_read_regular(path, self.limits), name=path.name, origin=origin)

    def put_image(self, image: Image.Image, *, name: str = "", origin: str = "page") -> ImageRef:
        """Keep a picture made in this process, such as a rendered page. Raises BadImage over the limits."""
        width, height = image.size
        if width < 1 or height < 1 or width * height > self.limits.pixels:
            raise bad_image(f"has {width} x {height} pixels", name=name, remedy="Render it smaller.")
        return self._keep(normalise(image), name=name, origin=origin)

    def crop(self, ref: ImageRef, box: Region) -> ImageRef:
        """Keep the part of *ref* inside *box* (pixels of *ref*, clipped to it).

        The result's ``parent`` and ``box`` are of the first original, also for a crop of a crop.
        Raises BadImage when nothing of *ref* is in *box*.
        """
        clipped = clip_box(ref, box)
        part = self.open(ref.sha256).crop((clipped.x0, clipped.y0, clipped.x1, clipped.y1))
        kept = self._keep(normalise(part), name=ref.name, origin="crop")
        return ImageRef(
            sha256=kept.sha256,
            width=kept.width,
            height=kept.height,
            origin="crop",
            parent=ref.parent or ref.sha256,
            box=to_original(ref, clipped),
            name=ref.name,
        )

    def open(self, sha256: str) -> Image.Image:
        """Return the picture as upright RGB. Raises BadImage when it is not in the store or damaged there."""
        with Image.open(io.BytesIO(self.read(sha256)), formats=FORMATS) as image:
            return image.convert("RGB")

    def read(self, sha256: str) -> bytes:
        """Return the re-encoded bytes, checked against *sha256*. Raises BadImage."""
        path = self.path(sha256)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BackendError(
                f"The stored picture {sha256[:12]} cannot be read: {error.strerror}.",
                remedy=f"Check the permissions of {self.root}.",
            ) from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise BadImage(
                f"The stored picture {sha256[:12]} is damaged on disk (it was {ACCEPTED} when it was added).",
                remedy="Add the original picture again: the damaged copy is then replaced.",
            )
        return data

    def path(self, sha256: str) -> Path:
        """Return the file that holds *sha256*. Raises BadImage when there is none."""
        if _SHA256.fullmatch(sha256):
            for suffix in _SUFFIXES:
                path = self._file(sha256, suffix)
                if path.is_file():
                    return path
        raise BadImage(
            f"No picture {sha256[:12]!r} is in the store (pictures may be {ACCEPTED}).",
            remedy="Give the picture again.",
        )

    def ref(self, sha256: str, *, origin: str = "user", name: str = "") -> ImageRef:
        """Return the reference of a kept picture, its size read from the file. Raises BadImage."""
        with Image.open(self.path(sha256), formats=FORMATS) as image:
            width, height = image.size
        return ImageRef(sha256, width, height, origin=cast(Origin, origin), name=name)

    def __contains__(self, sha256: object) -> bool:
        return (
            isinstance(sha256, str)
            and _SHA256.fullmatch(sha256) is not None
            and any(self._file(sha256, suffix).is_file() for suffix in _SUFFIXES)
        )

    def _file(self, sha256: str, suffix: str) -> Path:
        return self.root / sha256[:2] / (sha256[2:] + suffix)

    def _keep(self, image: Image.Image, *, name: str, origin: str) -> ImageRef:
        data, suffix = encode(image)
        sha256 = hashlib.sha256(data).hexdigest()
        path = self._file(sha256, suffix)
        try:
            if not _holds(path, data):
                _write_atomically(path, data)
        except OSError as error:
            if error.errno in _FULL:
                raise StorageFull(f"The disk is full: a picture could not be kept in {self.root}.") from error
            raise BackendError(
                f"A picture could not be kept in {self.root}: {error.strerror or error}.",
                remedy="Check that the folder exists and that you may write to it.",
            ) from error
        return ImageRef(sha256, image.width, image.height, origin=cast(Origin, origin), name=Path(name).name)


def _holds(path: Path, data: bytes) -> bool:
    """Tell whether *path* holds exactly *data*; a copy that a crash cut short is written again."""
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except FileNotFoundError:
        return False


def _write_atomically(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _read_regular(path: Path, limits: Limits) -> bytes:
    """Return the bytes of a regular file, one more than the cap at most. Raises BadImage."""
    try:
        # opening a pipe would wait for a writer for ever, so look before opening and again after
        if not stat.S_ISREG(path.stat().st_mode):
            raise _not_a_file(path)
        with os.fdopen(_open_without_waiting(path), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _not_a_file(path)
            return file.read(limits.bytes + 1)
    except FileNotFoundError as error:
        raise bad_image("does not exist", name=path.name, remedy="Check the path and its spelling.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise bad_image(
            f"cannot be read: {reason}", name=path.name, remedy="Check the path and its permissions."
        ) from error


def _open_without_waiting(path: Path) -> int:
    return os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))


def _not_a_file(path: Path) -> BadImage:
    return bad_image(
        "is a folder, a pipe or a device, not a file",
        name=path.name,
        remedy="Give the path of a picture file.",
    )
