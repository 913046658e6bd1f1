"""Asks the questions of a file over a Ray cluster: each worker holds one Foveal, its models loaded once.

    pip install 'foveal[embedded,ray]'
    python examples/ray_eval.py QUESTIONS.jsonl --index DIR --out DIR --workers 4                  # this machine
    python examples/ray_eval.py QUESTIONS.jsonl --index DIR --out DIR --workers 64 --address auto  # your cluster

It leaves the folder that ``foveal eval run`` leaves, with the same rows in the same order and the same configuration,
so that either goes on with what the other began. The folder is all the state there is: after a kill of the driver the
same command asks what has no row yet. A question whose worker dies is asked once more; one that ends two workers is
a failed row. Every machine needs Foveal in the same version and the collection under the same path; pictures of
questions are sent. Whatever has no option here comes from ``FOVEAL_…`` variables and ``foveal.toml``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from foveal import Foveal
from foveal.cli import seams
from foveal.cli.asking import KEPT, Arm, Shown, versions
from foveal.cli.interrupt import run_until_interrupted
from foveal.cli.output import note, say
from foveal.cli.progress import Bar, on_terminal
from foveal.errors import BackendDown, BadConfig, FovealError
from foveal.evaluation.questions import Question, QuestionSet, load_questions
from foveal.evaluation.runner import Runner, Totals
from foveal.settings import Settings, load_settings
from foveal.types import Answer, Event

TRIES = 2
"""Workers that a question may end before it counts as failed."""
PATIENCE = 120.0
"""Seconds that the first question waits for workers that are not up yet, and that a dead one may take to come back."""
PAUSE = 1.0
"""Seconds between looks at one that died."""

Make = Callable[[], Foveal]
Picture = tuple[str, bytes] | Path
"""A picture's name and bytes; its path where it cannot be read, so that the worker says why."""


class Worker:
    """What runs on the cluster, as an actor: one Foveal, asked one question at a time."""

    def __init__(self, make: Make) -> None:
        self._foveal = make()

    def ready(self) -> None:
        """Answer when the process is up."""

    async def ask(self, question: str, pictures: Sequence[Picture]) -> tuple[list[Event], Answer | None, Any]:
        """Return the events of the run, and its answer or the error that ended it."""
        events: list[Event] = []
        answer: Answer | None = None
        try:
            images = [await asyncio.to_thread(self._keep, picture) for picture in pictures]
            async for event in self._foveal.stream(question, images):
                events.append(event)
                if event.type == "run.finished":
                    answer = event.data["answer"]
        except Exception as error:
            return events, None, error
        return events, answer, None

    def _keep(self, picture: Picture) -> Any:
        if isinstance(picture, Path):
            return picture
        name, data = picture
        return self._foveal.tools.blobs.put_bytes(data, name=name)


class Crew:
    """The workers of a run. ``ask`` is what a :class:`Runner` asks with, once a worker at a time."""

    def __init__(self, make: Make, workers: int, *, cpus: float = 1, gpus: float = 0) -> None:
        import ray

        # Ray starts a process that dies again; the question it had is ours to ask again
        actor = ray.remote(Worker).options(num_cpus=cpus, num_gpus=gpus, max_restarts=-1, max_task_retries=0)
        self._free: asyncio.Queue[Any] = asyncio.Queue()
        self._left = workers
        self._problem = ""
        self._joining: set[asyncio.Task[None]] = set()
        for _ in range(workers):
            self._join(actor.remote(make))

    async def assembled(self) -> None:
        """Wait for all workers, at most :data:`PATIENCE` seconds, so that no question's time holds their start."""
        await asyncio.wait(self._joining, timeout=PATIENCE)

    async def ask(self, question: Question, on_event: Callable[[Event], None]) -> Answer:
        """Answer *question*, by another worker when the first one dies.

        Raises what the run raised, BackendDown when it ended :data:`TRIES` workers, BadConfig when none can start.
        """
        from ray.exceptions import RayActorError

        pictures = [await asyncio.to_thread(_read, Path(image)) for image in question.images]
        for _ in range(TRIES):
            worker = await self._free.get()
            if worker is None:
                self._free.put_nowait(None)  # whoever else waits hears it too
                raise BadConfig(
                    f"No worker is left: {self._problem}",
                    remedy="Install Foveal, the same version, on every machine of the cluster.",
                )
            try:
                events, answer, problem = await worker.ask.remote(question.question, pictures)
            except RayActorError:
                self._join(worker)
                continue
            except Exception:  # the reply could not be sent; the worker is well
                self._free.put_nowait(worker)
                raise
            self._free.put_nowait(worker)
            for event in events:
                on_event(event)
            if answer is None:
                raise problem or BackendDown("The run ended without an answer.")
            return answer
        raise BackendDown(f"Question {question.id} ended {TRIES} workers.", remedy="Look at the workers' memory.")

    def _join(self, worker: Any) -> None:
        task = asyncio.create_task(self._wait(worker))
        self._joining.add(task)
        task.add_done_callback(self._joining.discard)

    async def _wait(self, worker: Any) -> None:
        """Put *worker* among the free ones when its process is up; give it up when Ray does, or it is away too long."""
        from ray.exceptions import ActorUnavailableError, RayError

        until = time.monotonic() + PATIENCE
        while True:
            try:
                await worker.ready.remote()
                self._free.put_nowait(worker)
                return
            except RayError as error:
                self._problem = str(error).strip().splitlines()[-1]
                if not isinstance(error, ActorUnavailableError) or time.monotonic() > until:
                    break
            await asyncio.sleep(PAUSE)
        self._left -= 1
        note(f"warning: a worker is lost: {self._problem}")
        if not self._left:
            self._free.put_nowait(None)


def _read(path: Path) -> Picture:
    try:
        return path.name, path.read_bytes()
    except OSError:
        return path


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where the workers run: ``address`` of a cluster, or "local" for one on this machine. A context manager."""

    address: str = "local"
    workers: int = 2
    cpus: float = 1
    gpus: float = 0

    def __enter__(self) -> Cluster:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        local = self.address == "local"
        if local:  # a cluster of one machine listens on loopback alone, as it does on macOS and Windows
            os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        try:
            import ray
        except ImportError:
            raise BadConfig("Ray is not installed.", remedy="pip install 'foveal[ray]'") from None
        size: dict[str, Any] = {"num_cpus": max(1, round(self.workers * self.cpus))} if local else {}
        try:
            ray.init(
                self.address,
                include_dashboard=False if local else None,
                logging_level="ERROR",
                log_to_driver=False,
                **size,
            )
        except ConnectionError as error:
            problem = f"There is no Ray cluster at {self.address}: {error}"
            raise BackendDown(problem, remedy="Start one with `ray start --head`, or leave --address out.") from None
        return self

    def __exit__(self, *_: object) -> None:
        import ray

        ray.shutdown()


async def evaluate(
    loaded: QuestionSet,
    picked: Sequence[Question],
    out: Path,
    settings: Settings,
    cluster: Cluster,
    *,
    resume: bool = True,
    make: Make | None = None,
    **about: Any,
) -> Totals:
    """Ask *picked* over an entered *cluster*, into *out*. *make* builds a worker's Foveal, by default of *settings*;
    *about* is written into ``run.json``.
    """
    import ray

    bar = Bar("asking", unit="questions", quiet=not on_terminal())
    runner = Runner(
        out,
        config=Arm(settings.strategy, settings).config(loaded, {}),
        about={"seed": 0, "versions": {**versions(), "ray": ray.__version__}, "workers": cluster.workers, **about},
        concurrency=cluster.workers,
        progress=Shown(bar, "asking"),
    )
    if resume:
        runner.check()
    crew = Crew(make or partial(Foveal, settings), cluster.workers, cpus=cluster.cpus, gpus=cluster.gpus)
    await crew.assembled()
    with bar:
        return await runner.run(picked, crew.ask, resume=resume, bad_rows=loaded.bad_rows)


def parser() -> argparse.ArgumentParser:
    """Return what the command line takes."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("questions", type=Path, metavar="QUESTIONS.jsonl")
    made.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the run is kept")
    made.add_argument("--address", default="local", help="of the cluster: auto, HOST:PORT or ray://…; default: local")
    made.add_argument("--workers", type=int, default=2, metavar="N", help="workers, each asked one question at a time")
    made.add_argument("--cpus", type=float, default=1, metavar="N", help="processors that a worker is given")
    made.add_argument("--gpus", type=float, default=0, metavar="N", help="GPUs that a worker is given")
    made.add_argument("--categories", default="", metavar="A,B", help="only questions of these categories")
    made.add_argument("--limit", type=int, metavar="N", help="at most the first N")
    made.add_argument("--no-resume", action="store_true", help="start over")
    for name in ("index", "web", "strategy", "profile", "model", "max-calls", "deadline"):
        made.add_argument(f"--{name}", metavar=name.split("-")[-1].upper(), help="as of `foveal eval run`")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    given = parser().parse_args(arguments)
    names = ("index", "web", "strategy", "profile", "model", "max_calls", "deadline")
    try:
        settings = load_settings({name: getattr(given, name) for name in names})
        own = {"threads": settings.threads or max(1, round(given.cpus)), "persist": False}
        settings = settings.model_copy(update=own)
        if given.workers < 1 or given.cpus <= 0:
            raise BadConfig("A run needs at least one worker, and a worker a processor.")
        if settings.strategy != "direct" and settings.web == "off":
            seams.index_folder(settings)
        loaded = load_questions(given.questions)
        picked = loaded.pick([name.strip() for name in given.categories.split(",") if name.strip()], given.limit)
        for row in loaded.bad_rows:
            note(f"warning: {given.questions}: {row}")
        with Cluster(given.address, given.workers, given.cpus, given.gpus) as cluster:
            name = given.questions.name
            work = evaluate(
                loaded, picked, given.out, settings, cluster, resume=not given.no_resume, questions_file=name
            )
            totals = run_until_interrupted(work, hint=KEPT)
    except FovealError as error:
        note(f"error: {error}")
        return error.exit_code
    states = ", ".join(f"{n} {status}" for status, n in sorted(totals.statuses.items()))
    say(f"{totals.total} questions ({totals.kept} from before): {states or 'nothing to ask'}")
    say(f"{given.out / 'predictions.jsonl'}")
    return 4 if totals.total and totals.failed == totals.total else 0


if __name__ == "__main__":
    sys.exit(main())
