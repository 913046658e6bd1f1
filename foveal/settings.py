"""Settings of a run: flags over ``FOVEAL_…`` variables over ``foveal.toml`` over defaults.

:func:`load_settings` merges the layers and remembers where each value came from; :func:`origin` tells.
Whatever is wrong raises :class:`~foveal.errors.BadConfig`, naming the file and line or the variable, and
the key that was probably meant. Secrets are :class:`pydantic.SecretStr` and are masked wherever shown.
"""

from __future__ import annotations

import difflib
import os
import re
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from foveal.errors import BadConfig
from foveal.types import PLAN_CODES, PROFILES, ROLES, Budget

PREFIX = "FOVEAL_"
FILE_NAME = "foveal.toml"
NOT_SETTINGS = frozenset({"DEBUG", "DEMO_INDEX"})
"""Variables with our prefix that steer the command line and the demo script."""
PLANNED = ("adaptive", "guided", "two_step", "direct")
"""Strategies of our own."""
METHODS: Mapping[str, tuple[str, ...]] = {
    "omnisearch": (), "mmsearch": (), "mmsearch_r1": (),
    "universal_rag": ("prompted", "classifier", "ensemble"), "ragvl": (), "rora": (),
    "visrag": ("pages", "images", "weighted"), "visdom": (), "mirage": (), "cirevl": (), "weimocir": (), "rmr": (),
    "ar_mcts": (), "mmed": (), "mramg": ("model", "matching"),
}  # fmt: skip
"""Strategies that are published methods, and their variants (``visrag:weighted``), the first one by default."""
WEBS = ("off", "ddgs", "searxng", "brave")
WEB_FILES = ("zim", "replay")
"""Web backends that are a file: ``zim:FILE``."""

MASK = "********"
_FILES = ("index", "home", "cache", "calibration", "exemplars", "prices", "openai_ca_file")
_KEY_LINE = re.compile(r"^\s*(?:\"([^\"]+)\"|'([^']+)'|([A-Za-z0-9_-]+))\s*=")
_TABLE_LINE = re.compile(r"^\s*\[\[?\s*\"?([A-Za-z0-9_-]+)")
_TOML_AT = re.compile(r"\(at line (\d+), column \d+\)")


def default_home() -> Path:
    """Return where Foveal keeps what must stay: pictures it was given and saved runs."""
    return _user_folder("XDG_DATA_HOME", ".local/share")


def default_cache() -> Path:
    """Return where what can be made again is kept, such as assembled weights: at home, if that was moved."""
    if moved := os.environ.get(PREFIX + "HOME"):
        return Path(moved).expanduser()
    return _user_folder("XDG_CACHE_HOME", ".cache")


def _user_folder(variable: str, below_home: str) -> Path:
    given = os.environ.get(variable, "")
    if given.startswith("/"):
        return Path(given) / "foveal"
    try:
        return Path.home() / below_home / "foveal"
    except RuntimeError:  # no HOME and no entry for this user: a service account, a bare container
        return Path(tempfile.gettempdir()) / "foveal"


class Settings(BaseSettings):
    """Everything that may be chosen. Immutable; ``settings.model_copy(update=…)`` makes a variant."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, env_ignore_empty=True, protected_namespaces=()
    )

    index: Path | None = Field(None, description="folder of the collection to search")
    model: str = Field(
        "embedded",
        description="model of every role: embedded, llama:FILE_OR_NAME, hf:FOLDER_OR_NAME, openai:NAME, scripted:FILE",
    )
    planner_model: str | None = Field(None, description="model that plans, when not `model`")
    solver_model: str | None = Field(None, description="model that answers the sub-questions, when not `model`")
    answer_model: str | None = Field(None, description="model that writes the answer, when not `model`")
    judge_model: str | None = Field(None, description="model that judges answers, when not `model`")
    profile: Literal["fast", "balanced", "deep"] = Field("balanced", description="how much a run may spend")
    strategy: str = Field(
        "adaptive", description="how a question is gone about: adaptive, guided, two_step, direct, or a published "
        "method, such as omnisearch or visrag:weighted",
    )  # fmt: skip
    replan: str = Field("all", description="codes that may change a plan: all, none, or names such as EMPTY,CONFLICT")
    sufficiency: float | None = Field(
        None, ge=0, le=1, description="how probable a passage must be to answer before it is read; default: as fitted"
    )
    calibration: Path | None = Field(
        None, description="file of `foveal eval calibrate` by which confidences and gates of that model are set"
    )
    exemplars: Path | None = Field(
        None,
        description="worked examples for the strategy rmr: a JSONL file, or a folder of traces to learn from; "
        "default: those that come with Foveal",
    )
    reranker: str = Field(
        "none", description="what orders passages before they are read: none, model, listwise, listwise:full, "
        "listwise:sliding, cross-encoder:DIR_OR_ID or maxsim:DIR_OR_ID",
    )  # fmt: skip
    selector: str = Field(
        "fixed:8", description="how many of them are read: fixed:K, absolute:ETA,K, up-to-k:TAU,K, relative:RHO,K, "
        "ratio-to-top:GAMMA,K, adjacent-gap:GAMMA,K, keep-argmax:K,ETA or dual-threshold:T_R,T_KC,K",
    )  # fmt: skip
    rerank_pool: int = Field(20, ge=1, le=100, description="most passages that the reranker is given")
    web: str = Field(
        "off", description="where the web is searched, in this order: off, or any of ddgs, searxng, brave, zim:FILE, "
        "replay:FILE with commas between them",
    )  # fmt: skip
    web_timeout: float = Field(10.0, gt=0, le=120, description="most seconds of one call to a web search")
    ddgs_engines: str = Field(
        "duckduckgo,brave,mojeek,startpage", description="engines that `ddgs` asks for pages, in this order"
    )
    searxng_url: str | None = Field(None, description="address of your SearXNG server, such as http://localhost:8888")
    brave_api_key: SecretStr | None = Field(None, description="key of the Brave Search API")
    vision_api_key: SecretStr | None = Field(
        None, description="key of Google Cloud Vision, to find pages with a picture; SENDS THE PICTURES to Google"
    )
    robots: bool = Field(True, description="do not read pages whose site asks programs not to (robots.txt)")
    browser: bool = Field(False, description="read pages that only scripts write in a guarded headless browser")
    private: bool = Field(True, description="keep what stands in the collection out of what the web is asked")
    max_calls: int | None = Field(None, ge=1, description="most model calls, and most tool calls, of a run")
    max_usd: float | None = Field(None, ge=0, description="most money of a run, in US dollars")
    deadline: float | None = Field(None, gt=0, description="most wall time of a run, in seconds")
    home: Path = Field(default_factory=default_home, description="folder of the picture store and saved runs")
    cache: Path = Field(default_factory=default_cache, description="folder of what can be made again")
    persist: bool = Field(True, description="keep runs in `home`, so that they can be listed and resumed")
    checkpoints: SecretStr | None = Field(
        None, description="postgresql://… of a server for checkpoints; default: a file in `home`"
    )
    threads: int | None = Field(None, ge=1, le=1024, description="processor threads; default: all there are")
    image_embedder: str = Field(
        "embedded", description="what pictures are found with: embedded, clip:DIR_OR_ID (CLIP, SigLIP) or st:DIR_OR_ID"
    )
    text_embedder: str = Field("embedded", description="what texts are found with: embedded or st:DIR_OR_ID")
    page_embedder: str = Field(
        "off", description="what pages are found by their looks with: off or st:DIR_OR_ID (the ColPali family)"
    )
    hubness: Literal["off", "dualis", "dynamic"] = Field(
        "off", description="correct picture search for pictures that are near to everything: off, dualis or dynamic"
    )
    document_means: int = Field(
        0, ge=0, le=1000, description="documents found by the mean of their passages before those are compared; 0: off"
    )
    ocr: bool = Field(True, description="read the text in pictures")
    llama_context: int | None = Field(
        None, ge=512, description="tokens of a prompt and its reply for llama: models; default: by file and memory"
    )
    hub_url: str = Field("https://huggingface.co", description="address of the hub that models are pulled from")
    plans_freely: bool | None = Field(
        None, description="whether models plan without the guided skeleton; default: by size, openai: if priced"
    )
    hf_device: str = Field(
        "auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$", description="device of hf: models: auto, cpu, mps or cuda:N"
    )
    hf_dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="numbers of hf: models: auto, float32, bfloat16 or float16"
    )
    hf_batch: int = Field(8, ge=1, le=256, description="most calls that an hf: model works on at once")
    openai_base_url: str | None = Field(None, description="address of an OpenAI-compatible server")
    openai_api_key: SecretStr | None = Field(None, description="its key")
    openai_timeout: float = Field(300.0, gt=0, description="most seconds of one call to it, with its retries")
    openai_proxy: SecretStr | None = Field(None, description="proxy on the way to it; the environment's are not used")
    openai_ca_file: Path | None = Field(None, description="certificates to trust there, beside the usual ones")
    prices: Path | None = Field(None, description="TOML file of your own prices of tokens, before the shipped ones")

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    @field_validator("model", "planner_model", "solver_model", "answer_model", "judge_model")
    @classmethod
    def _not_blank(cls, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise ValueError("a model must be named, for example `embedded`")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Keep given values and the environment; the file comes in through :func:`load_settings`."""
        return init_settings, env_settings

    @field_validator("replan")
    @classmethod
    def _known_codes(cls, value: str) -> str:
        if unknown := {c.strip() for c in value.split(",")} - {*PLAN_CODES, "all", "none"}:
            raise ValueError(f"{', '.join(sorted(unknown))}: choose all, none or from {', '.join(PLAN_CODES)}")
        return value

    @field_validator("strategy")
    @classmethod
    def _known_strategy(cls, value: str) -> str:
        name, _, variant = value.partition(":")
        if value in PLANNED or (name in METHODS and (value == name or variant in METHODS[name])):
            return value
        if variants := METHODS.get(name, ()):
            raise ValueError(f"{value}: choose {' or '.join(f'{name}:{v}' for v in variants)}")
        near = difflib.get_close_matches(name, (*PLANNED, *METHODS), 1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        raise ValueError(f"{value}{meant}: choose from {', '.join((*PLANNED, *METHODS))}")

    @field_validator("web")
    @classmethod
    def _known_webs(cls, value: str) -> str:
        named = [part.strip() for part in value.split(",")]
        for name in named:
            kind, _, place = name.partition(":")
            if name not in WEBS and not (kind in WEB_FILES and place):
                known = (*WEBS[1:], *(f"{file}:FILE" for file in WEB_FILES))
                raise ValueError(f"{name or value!r}: choose off, or from {', '.join(known)}")
        if "off" in named and len(named) > 1:
            raise ValueError("off goes with nothing else")
        return ",".join(dict.fromkeys(named))

    def models(self) -> dict[str, str]:
        """Return the model spec of each role (:data:`foveal.types.ROLES`)."""
        own = (self.planner_model, self.solver_model, self.answer_model, self.judge_model)
        return {role: spec or self.model for role, spec in zip(ROLES, own, strict=True)}

    def codes(self) -> frozenset[str]:
        """Return the codes that may change a plan."""
        named = {c.strip() for c in self.replan.split(",")}
        return frozenset(PLAN_CODES) if "all" in named else frozenset(named - {"none"})

    def budget(self) -> Budget:
        """Return the profile's limits with ``max_calls``, ``max_usd`` and ``deadline`` in their places."""
        limits = PROFILES[self.profile]
        if self.max_calls is not None:
            limits = replace(limits, model_calls=self.max_calls, tool_calls=self.max_calls)
        if self.max_usd is not None:
            limits = replace(limits, usd=self.max_usd)
        return limits if self.deadline is None else replace(limits, seconds=self.deadline)


def placed(web: str, folder: Path) -> str:
    """Return a ``web`` setting with its files by their absolute paths; relative ones are below *folder*."""
    return _with_files(web, lambda file: str(folder / Path(file).expanduser()))


def named(web: str) -> str:
    """Return a ``web`` setting with its files by their names alone, which say nothing of this machine."""
    return _with_files(web, lambda file: Path(file).name)


def _with_files(web: str, told: Callable[[str], str]) -> str:
    parts = (part.partition(":") for part in web.split(","))
    return ",".join(f"{kind}:{told(file)}" if file else kind for kind, _, file in parts)


def load_settings(
    flags: Mapping[str, Any] | None = None, *, config: Path | None = None, folder: Path | None = None
) -> Settings:
    """Merge the four layers; flags that are ``None`` were not given.

    *config* names the TOML file (it must exist then); without it ``foveal.toml`` in *folder* (default: the
    working directory) is read when there is one. Paths in the file are relative to the file.
    Raises BadConfig.
    """
    file_values, lines, file = _read_file(config, folder)
    _check_environment()
    env_values = EnvSettingsSource(Settings)()
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    origins: dict[str, str] = {}
    for key in file_values:
        origins[key] = f"{file}:{lines.get(key, 1)}"
    for key in env_values:
        origins[key] = PREFIX + key.upper()
    for key in given:
        origins[key] = "--" + key.replace("_", "-")
    try:
        settings = Settings(**{**file_values, **env_values, **given})
    except ValidationError as error:
        raise _wrong_value(error, origins) from None
    settings._origins.update(origins)
    return settings


def origin(settings: Settings) -> dict[str, tuple[Any, str]]:
    """Return each key's value as plain JSON (secrets masked) and where it came from."""
    shown: dict[str, tuple[Any, str]] = {}
    for key in type(settings).model_fields:
        value = getattr(settings, key)
        if isinstance(value, SecretStr):
            value = MASK
        elif isinstance(value, Path):
            value = str(value)
        default = "given in code" if key in settings.model_fields_set else "default"
        shown[key] = (value, settings._origins.get(key, default))
    return shown


def _read_file(config: Path | None, folder: Path | None) -> tuple[dict[str, Any], dict[str, int], str]:
    path = config or (folder or Path()) / FILE_NAME
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        if config is None:
            return {}, {}, ""
        raise BadConfig(
            f"There is no settings file {path}.",
            remedy="Check --config, or leave it out to use the defaults.",
        ) from None
    except UnicodeDecodeError:
        raise BadConfig(f"{path} is not UTF-8 text.", remedy="Save it as UTF-8.") from None
    except OSError as error:
        raise BadConfig(
            f"The settings file {path} cannot be read: {error.strerror}.", remedy="Check its permissions."
        ) from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason = str(error)
        at = _TOML_AT.search(reason)
        line = int(at[1]) if at else text.count("\n") + 1
        reason = _TOML_AT.sub("", reason).replace("(at end of document)", "").strip()
        raise BadConfig(f"{path}:{line}: not valid TOML: {reason}.", remedy="Correct that line.") from None
    lines = _lines_of_keys(text)
    for key, value in values.items():
        if key not in Settings.model_fields:
            raise BadConfig(f"{path}:{lines.get(key, 1)}: unknown key `{key}`.", remedy=_suggest(key))
        if isinstance(value, str) and key in _FILES:
            values[key] = path.parent / Path(value).expanduser()
        elif isinstance(value, str) and key == "web":
            values[key] = placed(value, path.parent.absolute())
    return values, lines, str(path)


def _lines_of_keys(text: str) -> dict[str, int]:
    """Return the first line of each top-level key or table of a TOML text."""
    found: dict[str, int] = {}
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if table := _TABLE_LINE.match(line):
            inside = True
            found.setdefault(table[1], number)
        elif not inside and (key := _KEY_LINE.match(line)):
            found.setdefault(key[1] or key[2] or key[3], number)
    return found


def _check_environment() -> None:
    for variable in os.environ:
        key = variable.removeprefix(PREFIX)
        if key == variable or key in NOT_SETTINGS or key.lower() in Settings.model_fields:
            continue
        raise BadConfig(
            f"The environment variable {variable} is no setting of Foveal.",
            remedy=_suggest(key.lower(), written=lambda name: PREFIX + name.upper()),
        )


def _suggest(key: str, written: Any = "`{}`".format) -> str:
    near = difflib.get_close_matches(key.replace("-", "_").lower(), Settings.model_fields, n=1, cutoff=0.6)
    if near:
        return f"Did you mean {written(near[0])}?"
    return "`foveal config show` lists all keys."


def _wrong_value(error: ValidationError, origins: Mapping[str, str]) -> BadConfig:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    key = str(first["loc"][0]) if first["loc"] else "settings"
    if first["type"] == "extra_forbidden":
        return BadConfig(f"Unknown setting `{key}`.", remedy=_suggest(key))
    where = origins.get(key, key)
    # the given value is left out: it may be a secret
    reason = first["msg"].removeprefix("Value error, ")
    field = Settings.model_fields.get(key)
    remedy = f"`{key}` is: {field.description}." if field is not None else ""
    return BadConfig(f"{where}: wrong value for `{key}`: {reason}.", remedy=remedy)
