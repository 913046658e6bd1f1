"""Pictures in every form, and none from outside."""

from __future__ import annotations

import base64
import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from foveal.errors import StorageFull
from foveal.evaluation.loaders.items import Unusable
from foveal.evaluation.loaders.pictures import Found, Pictures


def picture(color: str = "red", form: str = "PNG") -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (16, 16), color).save(held, form)
    return held.getvalue()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    (root / "a").mkdir(parents=True)
    (root / "b").mkdir()
    (root / "a" / "same.png").write_bytes(picture("red"))
    (root / "b" / "same.png").write_bytes(picture("blue"))
    (root / "b" / "only.jpg").write_bytes(picture("green", "JPEG"))
    (tmp_path / "secret.png").write_bytes(picture("black"))
    with zipfile.ZipFile(root / "more.zip", "w") as packed:
        packed.writestr("deep/packed.webp", picture("pink", "WEBP"))
    return root


def test_paths(root: Path, tmp_path: Path) -> None:
    pictures = Pictures((root,))
    assert pictures.resolve("a/same.png") == Found((str(root / "a/same.png"),))
    assert pictures.resolve("/x/y/b/same.png").references  # no such path, and the name is not unique
    assert pictures.resolve(["b\\only.jpg", None, "only"]) == Found((str(root / "b/only.jpg"),))
    assert pictures.resolve("https://example.org/i/only.jpg?w=3").paths == (str(root / "b/only.jpg"),)
    assert pictures.resolve("https://example.org/gone.jpg") == Found((), ("https://example.org/gone.jpg",))
    assert pictures.resolve({"bytes": None, "path": "b/only.jpg"}, {"url": "https://example.org/x"}).references
    assert pictures.resolve("['a/same.png', 'b/same.png']").paths == tuple(str(root / f"{x}/same.png") for x in "ab")


@pytest.mark.parametrize(
    "name", ["../secret.png", "a/../../secret.png", "..\\secret.png", "{root}/secret.png", "secret"]
)
def test_no_path_leads_out(name: str, root: Path, tmp_path: Path) -> None:
    found = Pictures((root,)).resolve(name.format(root=tmp_path))
    assert not found.paths and found.references


def test_all_are_kept_once(root: Path, tmp_path: Path) -> None:
    keep = tmp_path / "kept"
    pictures = Pictures((root,), keep)
    packed = base64.b64encode(picture("red")).decode()
    found = pictures.resolve(
        "a/same.png", picture("red"), {"bytes": picture("red")}, {"bytes": packed}, packed,
        f"data:image/png;base64,{packed}", "packed.webp",
    )  # fmt: skip
    assert len(found.paths) == 2 and not found.references
    assert [Path(path).suffix for path in found.paths] == [".png", ".webp"]
    assert Path(found.paths[0]).read_bytes() == picture("red")
    assert sorted(path.name for path in keep.iterdir()) == sorted(Path(path).name for path in found.paths)


def test_what_is_no_picture_is_said(root: Path, tmp_path: Path) -> None:
    pictures = Pictures((root,), tmp_path / "kept")
    for value in (b"text", {"bytes": b"\0" * 9}, {"bytes": "!!"}, "data:image/png;base64,AAAA", "x" * 3000):
        with pytest.raises(Unusable, match="its picture is"):
            pictures.resolve(value)
    with pytest.raises(Unusable, match="no folder was named"):
        Pictures((root,)).resolve(picture())


def test_row_storage_a_full_disk_ends_it(root: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file where the folder should be")
    with pytest.raises(StorageFull, match="cannot be written"):
        Pictures((root,), tmp_path / "kept").resolve(picture())
