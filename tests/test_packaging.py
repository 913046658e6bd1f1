"""Row 80: the wheel holds everything, puts nothing else at the top, and works where the sources are not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAPPED = ("agents", "tools", "graphs", "prompts")
SOURCE_FOLDERS = ("foveal", *MAPPED)

IMPORT_ALL = """
import importlib, importlib.util, pkgutil, sys
import foveal
print(foveal.__file__)
def gone(name):
    raise ImportError(name)
for module in pkgutil.walk_packages(foveal.__path__, "foveal.", onerror=gone):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
        print("ok", module.name)
for name in ("agents", "tools", "graphs", "prompts"):
    assert importlib.util.find_spec(name) is None, name
    assert name not in sys.modules, name
from importlib import resources
assert resources.files("foveal").joinpath("py.typed").is_file()
"""


def _package_of(folder: Path) -> str:
    parts = folder.relative_to(ROOT).parts
    return ".".join(parts if parts[0] == "foveal" else ("foveal", *parts))


def _folders_with_code() -> set[str]:
    return {
        _package_of(path.parent)
        for folder in SOURCE_FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if "__pycache__" not in path.parts
    }


def _setuptools() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]


def test_row_80_packages_match_the_folders() -> None:
    """An unlisted package is silently missing from a clean build."""
    assert set(_setuptools()["packages"]) == _folders_with_code()  # type: ignore[call-overload]


def test_row_80_every_package_has_an_init() -> None:
    for package in _folders_with_code():
        parts = package.split(".")
        folder = ROOT.joinpath(*(parts if len(parts) == 1 or parts[1] not in MAPPED else parts[1:]))
        assert (folder / "__init__.py").is_file(), package


def test_requirements_of_make_are_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    assert pins["torch"] == "2.13.0"  # with a local version it would not be found on every index
    assert not any("+" in version or "@" in version for version in pins.values())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["embedded"]]
    named = {_bare(requirement) for requirement in wanted}
    assert named <= {name.lower().replace("_", "-") for name in pins}


def _bare(requirement: str) -> str:
    name = requirement
    for sign in "[<>=!~; ":
        name = name.split(sign)[0]
    return name.lower().replace("_", "-")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the sources, so that no stale file of the checkout gets in."""
    base = tmp_path_factory.mktemp("wheel")
    copy = base / "source"
    copy.mkdir()
    for folder in SOURCE_FOLDERS:
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(base), str(copy)],
        check=True,
        capture_output=True,
        timeout=150,
    )
    return next(base.glob("*.whl"))


@pytest.fixture(scope="module")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment with the wheel; other packages are borrowed, so nothing is fetched."""
    home = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True, timeout=60)
    python = home / "bin" / "python"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(python),
            "install",
            "--no-deps",
            "--no-index",
            str(wheel),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    site = subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    # .pth files inside a path that a .pth names are not read: our editable install stays out
    (Path(site) / "zz-borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


@pytest.mark.slow
def test_row_80_wheel_holds_everything_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"foveal"}
    assert "foveal/py.typed" in names
    patterns = ("*.py", "*.md", "*.tsv", "*.json")
    for folder in SOURCE_FOLDERS:
        for pattern in patterns:
            for path in (ROOT / folder).rglob(pattern):
                inside = path.relative_to(ROOT).as_posix()
                assert (inside if folder == "foveal" else f"foveal/{inside}") in names
    assert any(name.endswith("LICENSE") for name in names)


@pytest.mark.slow
def test_row_80_every_module_imports_in_a_fresh_environment(fresh: Path, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("FOVEAL_", "PYTHON"))}
    done = subprocess.run(
        [str(fresh), "-c", IMPORT_ALL],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    first, *imported = done.stdout.splitlines()
    assert str(fresh.parent.parent) in first
    assert len(imported) > 30
    version = subprocess.run(
        [str(fresh.parent / "foveal"), "--version"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert version.returncode == 0 and version.stdout.startswith("foveal ")
