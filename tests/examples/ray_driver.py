"""Asks the questions of a folder over a local cluster, in a small world without weights: ``ray_driver.py FOLDER OUT``.

A question that says *unlucky* ends the process of its worker once, one that says *deadly* always.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import ray_eval
from fakes.world import SCRIPT, wired

from foveal import Foveal
from foveal.evaluation.questions import load_questions
from foveal.settings import Settings
from foveal.tools.models.scripted import ScriptedModel
from foveal.types import Event


class Watched(Foveal):
    """Writes down whom it answers; each answer takes a moment."""

    async def stream(self, question: str, images: Sequence[Any] = (), **more: Any) -> AsyncIterator[Event]:
        """Answer, unless the question is not to be survived."""
        folder = self.settings.home.parent
        with (folder / "asked").open("a", encoding="utf-8") as log:
            log.write(f"{os.getpid()} {question}\n")
        if "deadly" in question or ("unlucky" in question and not (folder / "struck").exists()):
            (folder / "struck").touch()
            os._exit(1)
        await asyncio.sleep(0.2)
        async for event in super().stream(question, images, **more):
            yield event


def settings_in(folder: Path) -> Settings:
    """Return the settings of the world in *folder*."""
    places = {"index": folder / "index", "home": folder / "home", "cache": folder / "cache"}
    return Settings(**places, deadline=60, persist=False)


def make(folder: Path) -> Foveal:
    """Return what a worker holds."""
    foveal = wired(settings_in(folder), ScriptedModel(SCRIPT))
    watched = Watched(foveal.settings)
    watched.tools = foveal.tools
    return watched


def main(folder: Path, out: Path) -> None:
    """Ask, over two workers."""
    loaded = load_questions(folder / "questions.jsonl")
    with ray_eval.Cluster(workers=2) as cluster:
        work = ray_eval.evaluate(
            loaded, loaded.questions, out, settings_in(folder), cluster, make=partial(make, folder)
        )
        asyncio.run(work)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
