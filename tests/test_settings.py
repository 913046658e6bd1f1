"""Row 77: settings come from four places, and what is wrong is named with its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import BadConfig
from foveal.settings import MASK, Settings, load_settings, origin


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("FOVEAL_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_flags_over_environment_over_file_over_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "foveal.toml").write_text('# ours\nprofile = "deep"\nmodel = "openai:a"\ndeadline = 5\n')
    monkeypatch.setenv("FOVEAL_MODEL", "openai:b")
    monkeypatch.setenv("FOVEAL_DEADLINE", "6")
    settings = load_settings({"deadline": 7.0, "index": None})
    assert (settings.profile, settings.model, settings.deadline) == ("deep", "openai:b", 7.0)
    found = origin(settings)
    assert found["profile"] == ("deep", "foveal.toml:2")
    assert found["model"] == ("openai:b", "FOVEAL_MODEL")
    assert found["deadline"] == (7.0, "--deadline")
    assert found["strategy"] == ("adaptive", "default")


def test_paths_in_a_file_are_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "c.toml").write_text('index = "x"\nhome = "/h"\n')
    settings = load_settings(config=Path("below/c.toml"))
    assert settings.index == Path("below/x") and settings.home == Path("/h")


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("\n\nmodle = 'x'", "foveal.toml:3: unknown key `modle`.", "`model`"),
        ("model = 'x'\n[budget]\nseconds = 1", "foveal.toml:2: unknown key `budget`.", "config show"),
        ("model = 'x'\nmodel = ", "foveal.toml:2: not valid TOML", "Correct"),
        ("deadline = 'soon'", "foveal.toml:1: wrong value for `deadline`", "seconds"),
        ("# a\nprofile = 'fats'", "foveal.toml:2: wrong value for `profile`", "spend"),
        ("max_calls = 0", "foveal.toml:1: wrong value for `max_calls`", "calls"),
        ("index = 3", "foveal.toml:1: wrong value for `index`", "folder"),
        ("ocr = [", "not valid TOML", "Correct"),
    ],
)
def test_row_77_file(text: str, message: str, remedy: str, tmp_path: Path) -> None:
    (tmp_path / "foveal.toml").write_text(text)
    with pytest.raises(BadConfig) as caught:
        load_settings()
    assert message in caught.value.message
    assert remedy in caught.value.remedy
    assert caught.value.exit_code == 2


def test_row_77_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOVEAL_PROFIL", "fast")
    with pytest.raises(BadConfig, match="FOVEAL_PROFIL is no setting") as caught:
        load_settings()
    assert caught.value.remedy == "Did you mean FOVEAL_PROFILE?"
    monkeypatch.delenv("FOVEAL_PROFIL")
    monkeypatch.setenv("FOVEAL_MAX_CALLS", "many")
    with pytest.raises(BadConfig, match="FOVEAL_MAX_CALLS: wrong value"):
        load_settings()


def test_row_77_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="no settings file"):
        load_settings(config=tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"model = '\xff'")
    with pytest.raises(BadConfig, match="not UTF-8"):
        load_settings(config=tmp_path / "latin.toml")
    with pytest.raises(BadConfig, match="cannot be read"):
        load_settings(config=tmp_path)


def test_row_76_secrets_never_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOVEAL_OPENAI_API_KEY", "sentinel")
    settings = load_settings()
    assert settings.openai_api_key is not None and settings.openai_api_key.get_secret_value() == "sentinel"
    assert "sentinel" not in repr(settings) + str(origin(settings)) + settings.model_dump_json()
    assert origin(settings)["openai_api_key"] == (MASK, "FOVEAL_OPENAI_API_KEY")


def test_row_76_a_wrong_secret_is_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "foveal.toml").write_text("openai_api_key = ['sentinel']")
    with pytest.raises(BadConfig) as caught:
        load_settings()
    assert "sentinel" not in str(caught.value)


def test_row_78_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    assert Settings().home.is_absolute()


def test_moved_home_takes_the_cache_along(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FOVEAL_HOME", str(tmp_path))
    assert load_settings().cache == load_settings().home == tmp_path


def test_budget_keeps_the_profile_where_nothing_is_said() -> None:
    limits = Settings(profile="fast", max_usd=0.1).budget()
    assert (limits.usd, limits.seconds, limits.model_calls) == (0.1, 45.0, 25)


@given(st.text(max_size=200))
def test_any_text_is_settings_or_bad_config(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load_settings(config=path)
    except BadConfig as error:
        assert error.remedy
