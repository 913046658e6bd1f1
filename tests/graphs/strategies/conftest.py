"""A small collection on disk, and Foveals over it that answer in a method's way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes.lands import embedders, lands

from foveal.api import Foveal
from foveal.settings import Settings
from foveal.tools.models.scripted import ScriptedModel
from foveal.types import ROLES, Capabilities

Made = tuple[Foveal, ScriptedModel]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return lands(tmp_path)


@pytest.fixture
def going(settings: Settings) -> Callable[..., Made]:
    """Make a Foveal that goes about questions as *strategy* says, and its model, whose calls can be looked at.

    *sees*: the model sees pictures; *strong*: it plans freely; *web*: a web, beside the collection or *alone*; other
    *changes* are settings.
    """

    def make(
        strategy: str, script: list[dict[str, Any]], *, sees: bool = False, strong: bool = False, web: Any = None,
        alone: bool = False, **changes: Any,
    ) -> Made:  # fmt: skip
        online = {"web": "ddgs"} if web is not None else {}
        given = {**changes, **online, **({"index": None} if alone else {}), "strategy": strategy}
        foveal = Foveal(settings.model_copy(update=given))
        can = Capabilities(vision=sees, json_schema=True, logprobs=True, plans_freely=strong)
        model = ScriptedModel(script, capabilities=can)
        parts = {"embedders": embedders(), "models": dict.fromkeys(ROLES, model)}
        foveal.tools.__dict__.update(parts if web is None else {**parts, "web": web})
        return foveal, model

    return make
