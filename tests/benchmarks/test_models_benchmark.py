"""The benchmark of models runs through, on a tiny model."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from fakes.gguf import write_model


def benchmark() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "models.py"
    spec = importlib.util.spec_from_file_location("benchmarks_models", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


async def test_all_figures_of_a_model_in_this_process(tmp_path: Path) -> None:
    models = benchmark()
    path = write_model(tmp_path / "tiny.gguf", context=4096)
    found = await models.measure(f"llama:{path}", ("parallel", "prefix", "engine"), repeat=1, reply=4)
    assert found["parallel"]["same_replies"], "replies do not depend on what else runs"
    assert found["parallel"]["ratio"] > 0 and found["prefix"]["ratio"] > 0
    assert found["engine"]["prompt_tokens"] > 1000 and found["engine"]["prompt_share"] > 0
    lines = models.report(found).splitlines()
    assert len(lines) == 5 and lines[0].startswith("llama:tiny.gguf")
