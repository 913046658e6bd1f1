"""Fetching models from a hub on loopback: whole, cut, wrong, forbidden, full, twice at once, offline."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from fakes.hub import FakeHub, serve

from foveal.errors import BackendError, BadConfig, ModelUnavailable, StorageFull, WeightsCorrupt
from foveal.settings import Settings
from foveal.tools.models.catalogue import Entry, ModelFile, load_catalogue
from foveal.tools.models.hub import Hub
from foveal.tools.models.pull import ATTEMPTS, ModelStore
from foveal.tools.models.registry import make_model

MODEL = b"GGUF" + bytes(range(256)) * 5000
EYES = b"GGUF" + b"eyes" * 1000


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


ENTRY = Entry(
    "tiny", "Tiny", 1000, "Apache-2.0", "org/tiny",
    ModelFile("tiny.gguf", len(MODEL), sha256(MODEL)), ModelFile("mmproj.gguf", len(EYES), sha256(EYES)),
)  # fmt: skip
PATHS = [ENTRY.path_of(file) for file in ENTRY.files]


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with serve(FakeHub(dict(zip(PATHS, (MODEL, EYES), strict=True)))) as running:
        yield running


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def store(tmp_path: Path, hub: FakeHub, pauses: list[float]) -> ModelStore:
    return ModelStore(tmp_path / "models", hub=Hub(hub.url), catalogue=[ENTRY], pause=pauses.append)


def part(store: ModelStore) -> Path:
    return store.folder / "tiny" / "tiny.gguf.part"


def test_whole_model_with_progress(store: ModelStore, hub: FakeHub) -> None:
    told: list[tuple[str, int, int]] = []
    assert store.state(ENTRY) == "missing"
    files = store.pull("tiny", lambda *step: told.append(step))
    assert files.model.read_bytes() == MODEL and files.mmproj is not None and files.mmproj.read_bytes() == EYES
    assert told[-1] == ("mmproj.gguf", len(EYES), len(EYES)) and ("tiny.gguf", len(MODEL), len(MODEL)) in told
    assert store.state(ENTRY) == "ready" and store.files_of("TINY") == files
    asked = len(hub.asked)
    assert store.pull("tiny") == files and len(hub.asked) == asked, "nothing is fetched twice"
    record = json.loads((store.folder / "tiny" / "checked.json").read_text())
    assert record["tiny.gguf"]["trust"] == "catalogue"


def test_cut_connection_goes_on_where_it_broke(store: ModelStore, hub: FakeHub) -> None:
    hub.tricks = ["cut:100000", "cut:200000"]
    store.pull("tiny")
    assert [start for path, start in hub.asked if path == PATHS[0]] == [0, 100_000, 300_000]


def test_interrupt_keeps_the_part_and_the_next_pull_goes_on(store: ModelStore, hub: FakeHub) -> None:
    hub.tricks = ["cut:300000"]

    def interrupt(name: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.pull("tiny", interrupt)
    kept = part(store).stat().st_size
    assert kept > 0 and store.state(ENTRY) == "partial"
    with pytest.raises(ModelUnavailable, match="not here yet") as caught:
        store.files_of("tiny")
    assert "foveal models pull tiny" in caught.value.remedy
    store.pull("tiny")
    assert hub.asked[1] == (PATHS[0], kept)


def test_server_without_ranges_starts_again(store: ModelStore, hub: FakeHub) -> None:
    hub.tricks = ["cut:100000", "no-range"]
    assert store.pull("tiny").model.read_bytes() == MODEL


def test_wrong_bytes_are_not_kept(store: ModelStore, hub: FakeHub) -> None:
    hub.files[PATHS[0]] = MODEL[:-1] + b"!"
    with pytest.raises(WeightsCorrupt, match="not the file"):
        store.pull("tiny")
    assert not part(store).exists() and store.state(ENTRY) == "missing"
    hub.files[PATHS[0]] = MODEL
    store.pull("tiny")


def test_more_bytes_than_there_should_be(store: ModelStore, hub: FakeHub) -> None:
    hub.files[PATHS[0]] = MODEL + b"x" * 3_000_000
    with pytest.raises(WeightsCorrupt):
        store.pull("tiny")
    assert not part(store).exists()


@pytest.mark.parametrize(("status", "words"), [(404, "not there"), (401, "not give"), (403, "not give")])
def test_what_trying_again_does_not_help(
    store: ModelStore, hub: FakeHub, pauses: list[float], status: int, words: str
) -> None:
    hub.tricks = [f"status:{status}"]
    with pytest.raises(ModelUnavailable, match=words) as caught:
        store.pull("tiny")
    assert caught.value.remedy and not pauses and len(hub.asked) == 1


def test_server_errors_are_tried_again(store: ModelStore, hub: FakeHub, pauses: list[float]) -> None:
    hub.tricks = ["status:503", "status:429"]
    store.pull("tiny")
    assert pauses == [0.0, 0.0], "as Retry-After says"
    hub.tricks = ["status:500"] * ATTEMPTS
    shutil.rmtree(store.folder)
    with pytest.raises(BackendError, match="status 500"):
        store.pull("tiny")


def test_full_disk_is_found_before(store: ModelStore, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(StorageFull, match="GB are free"):
        store.pull("tiny")
    assert not hub.asked


def test_two_pulls_at_once(store: ModelStore, hub: FakeHub) -> None:
    hub.tricks = ["hold"]
    first = threading.Thread(target=store.pull, args=("tiny",))
    first.start()
    assert hub.held.wait(5)
    with pytest.raises(BackendError, match="Another process"):
        store.pull("tiny")
    hub.release.set()
    first.join(10)
    assert store.state(ENTRY) == "ready"


def test_offline_says_what_to_copy_where_and_then_only_checks(tmp_path: Path, pauses: list[float]) -> None:
    store = ModelStore(tmp_path, hub=Hub("http://127.0.0.1:9"), catalogue=[ENTRY], pause=pauses.append)
    with pytest.raises(BackendError, match="cannot be reached") as caught:
        store.pull("tiny")
    assert len(pauses) == ATTEMPTS - 1
    remedy = caught.value.remedy
    assert all(f"http://127.0.0.1:9/{path}" in remedy for path in PATHS) and str(tmp_path / "tiny") in remedy
    (tmp_path / "tiny" / "tiny.gguf").write_bytes(MODEL)
    (tmp_path / "tiny" / "mmproj.gguf").write_bytes(EYES[:-1])
    assert store.state(ENTRY) == "unchecked"
    with pytest.raises(ModelUnavailable, match="not checked"):
        store.files_of("tiny")
    with pytest.raises(WeightsCorrupt, match="Remove it"):
        store.pull("tiny")
    assert (tmp_path / "tiny" / "mmproj.gguf").exists(), "what a person copied is not thrown away"
    (tmp_path / "tiny" / "mmproj.gguf").write_bytes(EYES)
    assert store.pull("tiny").model.read_bytes() == MODEL


def test_changed_file_is_not_used(store: ModelStore) -> None:
    files = store.pull("tiny")
    files.model.write_bytes(MODEL + b"!")
    with pytest.raises(ModelUnavailable):
        store.files_of("tiny")


def test_digest_that_nobody_knew_is_trusted_on_first_use(tmp_path: Path, hub: FakeHub) -> None:
    unknown = replace(ENTRY, model=ModelFile("tiny.gguf", len(MODEL)), mmproj=ModelFile("mmproj.gguf", len(EYES)))
    hub.etags[PATHS[0]] = sha256(MODEL)
    store = ModelStore(tmp_path, hub=Hub(hub.url), catalogue=[unknown])
    files = store.pull("tiny")
    record = json.loads((tmp_path / "tiny" / "checked.json").read_text())
    assert (record["tiny.gguf"]["trust"], record["mmproj.gguf"]["trust"]) == ("hub", "first use")
    assert files.mmproj is not None
    files.mmproj.unlink()
    hub.files[PATHS[1]] = EYES[:-1] + b"!"
    with pytest.raises(WeightsCorrupt):
        store.pull("tiny")


def test_hub_that_says_another_digest_than_it_sends(tmp_path: Path, hub: FakeHub) -> None:
    hub.etags[PATHS[0]] = sha256(b"another")
    unknown = replace(ENTRY, model=ModelFile("tiny.gguf", len(MODEL)))
    with pytest.raises(WeightsCorrupt):
        ModelStore(tmp_path, hub=Hub(hub.url), catalogue=[unknown]).pull("tiny")


def test_catalogue_is_what_it_should_be(tmp_path: Path) -> None:
    catalogue = load_catalogue()
    assert 6 <= len(catalogue) <= 8 and len({entry.name for entry in catalogue}) == len(catalogue)
    seeing = [entry for entry in catalogue if entry.mmproj is not None]
    assert min(e.parameters for e in seeing) <= 256e6 and max(e.parameters for e in seeing) >= 8e9
    for entry in catalogue:
        assert entry.licence and entry.memory > entry.size > 100e6
        for file in entry.files:
            assert file.name.endswith(".gguf") and re.fullmatch(r"[0-9a-f]{64}", file.sha256 or "0" * 64)
    with pytest.raises(BadConfig, match="nothing-like-it"):
        ModelStore(tmp_path).pull("nothing-like-it")


def test_name_of_the_catalogue_is_a_model_spec(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="not here yet") as caught:
        make_model("llama:smolvlm-256m", Settings(home=tmp_path))
    assert "foveal models pull smolvlm-256m" in caught.value.remedy
    with pytest.raises(BadConfig, match="catalogue"):
        make_model("llama:no-such-model", Settings(home=tmp_path))
