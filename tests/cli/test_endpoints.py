"""`foveal models probe` and `foveal models prices`, as they are run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fakes.endpoints import failed, said, serving


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FOVEAL_HOME", str(tmp_path))
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_probe_is_kept_and_can_be_refreshed(foveal: Any) -> None:
    with serving() as server:
        spec = f"openai:m@{server.url}"
        shown = foveal("models", "probe", spec)
        assert shown.code == 0
        assert "pictures" in shown.out and "log probabilities" in shown.out
        asked = len(server.requests)
        server.behave = lambda body: said('{"colour": "teal"}')
        told = json.loads(foveal("models", "probe", spec, "--json").out)
        assert (told["schema"], told["json_schema"]) == ("foveal.probe/1", False)
        assert len(server.requests) == asked
        assert json.loads(foveal("models", "probe", spec, "--json", "--refresh").out)["json_schema"] is True


def test_probe_tells_what_is_wrong(foveal: Any) -> None:
    with serving() as server:
        server.behave = lambda body: failed(404, "model not found")
        done = foveal("models", "probe", f"openai:smal-model@{server.url}")
    assert done.code == 4
    assert "has no model 'smal-model'" in done.err and "small-model" in done.err
    assert foveal("models", "probe", "embedded").code == 2
    assert foveal("models", "probe", "openai:m").code == 2


def test_prices_are_listed_with_ones_own(foveal: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('["models.example"]\nmine = { in = 1.5, out = 3 }\n')
    monkeypatch.setenv("FOVEAL_PRICES", str(own))
    told = json.loads(foveal("models", "prices", "--json").out)
    assert {"host": "models.example", "model": "mine", "in": 1.5, "cached": 1.5, "out": 3.0} in told["prices"]
    listed = foveal("models", "prices")
    assert "mine" in listed.out and told["as_of"] in listed.err
    own.write_text("nonsense")
    assert foveal("models", "prices").code == 2
