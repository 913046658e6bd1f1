"""Foveal as a model of lmms-eval, which finds it through the entry point ``lmms_eval.models``."""

from __future__ import annotations

from typing import Any


def manifest() -> Any:
    """Return what lmms-eval registers: ``--model foveal``."""
    from lmms_eval.models.registry_v2 import ModelManifest

    return ModelManifest(model_id="foveal", simple_class_path="foveal_lmms.model.FovealModel")
