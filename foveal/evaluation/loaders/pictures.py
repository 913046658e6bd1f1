"""Pictures of a data set, however a row gives them: a path, bytes, base64, an object with either, or an address.

Nothing is fetched: an address stays a reference. A path never leads out of the folders that were named.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from foveal.errors import StorageFull
from foveal.evaluation.loaders.fields import leaves, present, text_of
from foveal.evaluation.loaders.items import Unusable

MAGIC = (
    (b"\x89PNG\r\n\x1a\n", ".png"), (b"\xff\xd8\xff", ".jpg"), (b"GIF8", ".gif"), (b"BM", ".bmp"),
    (b"II*\0", ".tif"), (b"MM\0*", ".tif"),
)  # fmt: skip
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
SHORTEST_BASE64 = 60
LONGEST_NAME = 2000
_BASE64 = re.compile(r"[A-Za-z0-9+/_\-\s]+={0,2}\s*")
_DATA_URL = re.compile(r"data:image/[\w.+-]+;base64,", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """Pictures that can be opened, and what stands for those that are not here (addresses, names, ids)."""

    paths: tuple[str, ...] = ()
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Place:
    """A picture below a root: a file, or a member of a zip."""

    name: str
    path: Path
    member: str = ""


class Pictures:
    """Finds pictures below *roots*. With *keep* all of them are put there under the hash of their bytes.

    Without *keep* files are named where they are, and a row whose picture is no file is unusable.
    """

    def __init__(self, roots: Sequence[Path], keep: Path | None = None) -> None:
        self._roots = tuple(Path(os.path.abspath(root)) for root in roots)  # noqa: PTH100  links are followed as named
        self._keep = keep
        self._index: dict[str, list[_Place]] | None = None
        self._kept: dict[Path, str] = {}

    def resolve(self, *values: Any) -> Found:
        """Return the pictures in *values*. Raises Unusable for bytes that are none, StorageFull."""
        paths: list[str] = []
        references: list[str] = []
        for value in (leaf for given in values for leaf in leaves(given)):
            here, reference = self._one(value)
            if here:
                paths.append(here)
            elif reference:
                references.append(reference)
        return Found(tuple(dict.fromkeys(paths)), tuple(dict.fromkeys(references)))

    def first(self, *values: Any) -> str | None:
        """Return the first picture that is here, or None."""
        paths = self.resolve(*values).paths
        return paths[0] if paths else None

    def hold(self, data: bytes) -> str | None:
        """Keep a picture that was made here; None when no folder was named for that."""
        return self._keep_bytes(data) if self._keep else None

    def _one(self, value: Any) -> tuple[str, str]:
        if isinstance(value, dict):
            if present(data := value.get("bytes")):
                return self._keep_bytes(_as_bytes(data)), ""
            named = (value.get(name) for name in ("path", "file_name", "filename", "image", "url", "src"))
            return self._one(next((name for name in named if isinstance(name, str) and name), None))
        if isinstance(value, bytes | bytearray):
            return self._keep_bytes(bytes(value)), ""
        text = text_of(value)
        if not text:
            return "", ""
        if (packed := _unpacked(text)) is not None:
            return self._keep_bytes(packed), ""
        name = unquote(urlsplit(text).path) if text.startswith(("http://", "https://")) else text
        place = self._find(name)
        if not place and len(text) > LONGEST_NAME:
            raise Unusable("its picture is neither a picture nor a path or address")
        return (self._put(place), "") if place else ("", text)

    def _find(self, name: str) -> _Place | None:
        name = name.replace("\\", "/")
        for root in self._roots:
            path = Path(os.path.normpath(root / name.lstrip("/")))
            if _inside(path, root) and path.suffix.lower() in SUFFIXES and path.is_file():
                return _Place(name, path)
        if self._index is None:
            self._index = self._walk()
        last = PurePosixPath(name).name
        places = self._index.get(last, [])
        if len(places) > 1:
            places = [place for place in places if f"/{place.name}".endswith(f"/{name.lstrip('./')}")]
        return places[0] if len(places) == 1 else None

    def _walk(self) -> dict[str, list[_Place]]:
        """Pictures by their last name, with and without suffix."""
        index: dict[str, list[_Place]] = {}

        def add(place: _Place) -> None:
            last = PurePosixPath(place.name)
            if last.suffix.lower() in SUFFIXES and "__MACOSX" not in place.name:
                index.setdefault(last.name, []).append(place)
                index.setdefault(last.stem, []).append(place)

        for root in self._roots:
            for folder, folders, names in os.walk(root):
                folders.sort()
                for name in sorted(names):
                    path = Path(folder) / name
                    add(_Place(path.relative_to(root).as_posix(), path))
                    if path.suffix.lower() == ".zip":
                        for member in _members(path):
                            add(_Place(member, path, member))
        return index

    def _put(self, place: _Place) -> str:
        if place.member:
            try:
                with zipfile.ZipFile(place.path) as packed:
                    return self._keep_bytes(packed.read(place.member))
            except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
                raise Unusable(f"the picture {place.name} cannot be unpacked: {error}") from None
        if self._keep is None:
            return str(place.path)
        if place.path not in self._kept:
            try:
                with place.path.open("rb") as opened:
                    digest = hashlib.file_digest(opened, "sha256").hexdigest()[:32]
            except OSError as error:
                raise Unusable(f"the picture {place.name} cannot be read: {error.strerror or error}") from None
            target = self._keep / f"{digest}{place.path.suffix.lower()}"
            self._store(target, place.path)
            self._kept[place.path] = str(target)
        return self._kept[place.path]

    def _keep_bytes(self, data: bytes) -> str:
        suffix = _suffix(data)
        if not suffix:
            raise Unusable("its picture is no PNG, JPEG, WebP, GIF, BMP or TIFF")
        if self._keep is None:
            raise Unusable("its picture is not a file, and no folder was named to keep it in")
        target = self._keep / f"{hashlib.sha256(data).hexdigest()[:32]}{suffix}"
        self._store(target, data)
        return str(target)

    @staticmethod
    def _store(target: Path, source: Path | bytes) -> None:
        """Bring *source* to *target* in one step; a file is linked where the disk allows, to hold it only once."""
        if target.exists():
            return
        part = target.with_name(f".{target.name}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            part.unlink(missing_ok=True)
            if isinstance(source, bytes):
                part.write_bytes(source)
            else:
                try:
                    os.link(os.path.realpath(source), part)
                except OSError:
                    shutil.copyfile(source, part)
            part.replace(target)
        except OSError as error:
            raise StorageFull(f"{target} cannot be written: {error.strerror or error}.") from error


def _inside(path: Path, root: Path) -> bool:
    return path.is_relative_to(root)


def _members(archive: Path) -> list[str]:
    try:
        with zipfile.ZipFile(archive) as packed:
            return sorted(packed.namelist())
    except (OSError, zipfile.BadZipFile):
        return []


def _suffix(data: bytes) -> str:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    return next((suffix for start, suffix in MAGIC if data.startswith(start)), "")


def _as_bytes(value: Any) -> bytes:
    """The bytes of a picture that a field of bytes holds, in base64 where the file knows no bytes."""
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    text = text_of(value)
    return _unpacked(text if _DATA_URL.match(text) else f"data:image/x;base64,{text}") or b""


def _unpacked(text: str) -> bytes | None:
    """The picture a text holds in base64, None when it holds none."""
    marked = _DATA_URL.match(text)
    if not marked and (len(text) < SHORTEST_BASE64 or not _BASE64.fullmatch(text)):
        return None
    packed = re.sub(r"\s", "", text[marked.end() if marked else 0 :]).translate(str.maketrans("-_", "+/"))
    try:
        data = base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError):
        if marked:
            raise Unusable("its picture is no valid base64") from None
        return None
    return data if marked or _suffix(data) else None
