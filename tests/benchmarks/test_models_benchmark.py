"""The benchmark of models runs through, on a tiny model."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from fakes.bench import script
from fakes.gguf import write_model


def benchmark() -> ModuleType:
    return script("models")


async def test_all_figures_of_a_model_in_this_process(tmp_path: Path) -> None:
    models = benchmark()
    path = write_model(tmp_path / "tiny.gguf", context=4096)
    found = await models.measure(f"llama:{path}", ("parallel", "prefix", "engine"), repeat=1, reply=4)
    assert found["parallel"]["same_replies"], "replies do not depend on what else runs"
    assert found["parallel"]["ratio"] > 0 and found["prefix"]["ratio"] > 0
    assert found["engine"]["prompt_tokens"] > 1000 and found["engine"]["prompt_share"] > 0
    lines = models.report(found).splitlines()
    assert len(lines) == 5 and lines[0].startswith("llama:tiny.gguf")
