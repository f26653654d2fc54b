"""ZeroGPU: a GPU that Hugging Face lends a Space for a minute at a time.

There a decorated function runs in another process, which alone sees the GPU, so it is given names and settings and
hands back text or a run folder. Everywhere else this module does nothing.
"""

from __future__ import annotations

import contextvars
import importlib.util
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from slm.config import parameter_count
from slm.runs import Busy, busy_message, training_holder, worker

if TYPE_CHECKING:
    from slm.generate import LanguageModel, Written
    from slm.job import TrainJob
    from slm.launch import TrainSpec

LEASE_S = 60  # asked of ZeroGPU for a stretch of training
STRETCH_S = 40.0  # trained in it: a last evaluation and saving must fit in, too
WRITING_S = 30  # for the stories of one press of Write
# A CPU writes with a smaller model at once, and visitors have only minutes of GPU a day.
LEASED_PARAMETERS = 20_000_000


def is_here() -> bool:
    """Whether this is a Space with ZeroGPU and the package for it."""
    asked = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")
    return asked and importlib.util.find_spec("spaces") is not None


class Zero:
    """Training and writing on lent GPUs. Make it before torch is imported and before the page is launched."""

    def __init__(self) -> None:
        import spaces

        from slm.leases import train_stretch

        self._train = spaces.GPU(duration=LEASE_S)(train_stretch)
        self._write = spaces.GPU(duration=WRITING_S)(write_columns)

    def lend(self, lm: LanguageModel, folder: Path) -> LanguageModel:
        """The model of this folder, which writes on a lent GPU from now on if it is large enough to need one."""
        if parameter_count(lm.config) < LEASED_PARAMETERS:
            return lm
        return cast("LanguageModel", Leased(lm, folder, self._write))

    def start(self, job: TrainJob) -> Path:
        """Train a job in leases, in the background; its run folder, once the run is at work.

        Raises Busy, and ValueError where it cannot be trained. Going on needs this server: when that ends, the run is
        lost, and resumes from its newest snapshot.
        """
        from slm.leases import train_in_leases

        if holder := training_holder(job.checkpoints):
            raise Busy(busy_message(holder))
        # No compiling on ZeroGPU: its result would be gone with the lease.
        leased = replace(job, train=replace(job.train, compile=False), lease_s=STRETCH_S)
        wrong: list[Exception] = []
        earlier = worker(job.run_dir)

        def work() -> None:
            try:
                train_in_leases(leased, self._train)
            except Exception as error:  # told by whoever waits below, else by the run's own last event
                wrong.append(error)

        # The lender counts a lease for the visitor whose request stands in the context.
        thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True)
        thread.start()
        while thread.is_alive() and (worker(job.run_dir) == earlier or not (job.run_dir / "run.json").exists()):
            thread.join(0.1)
        if wrong and not (job.run_dir / "run.json").exists():
            raise wrong[0] if isinstance(wrong[0], ValueError) else ValueError(f"no GPU was lent: {wrong[0]}")
        return job.run_dir


class Leased:
    """A LanguageModel on the CPU that has its stories written in leases."""

    def __init__(self, lm: LanguageModel, folder: Path, write: Callable[..., Iterator[list[Written | None]]]) -> None:
        self._lm, self._folder, self._write = lm, folder, write
        lm.int8 = None  # a lent GPU writes with the exact weights, so those score its stories and are named under them

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lm, name)

    def write_many(self, prompt: str, count: int, **options: Any) -> Iterator[list[Written | None]]:
        """As LanguageModel.write_many."""
        return self._write(str(self._folder), prompt, count, options)

    def generate(self, prompt: str = "", max_new_tokens: int | None = None, **settings: Any) -> str:
        """As LanguageModel.generate."""
        config = self._lm.sample_config(max_new_tokens, **settings)  # what cannot be needs no lease
        return prompt + "".join(new.text for (new,) in self.write_many(prompt, 1, **asdict(config)) if new)


def write_columns(path: str, prompt: str, count: int, options: dict[str, Any]) -> Iterator[list[Written | None]]:
    """LanguageModel.write_many by the name of a model's folder, so that another process can do it."""
    import slm

    yield from slm.load(path, precision="float32").write_many(prompt, count, **options)


def job_for(spec: TrainSpec) -> TrainJob:
    """The job of a training that the page's form describes."""
    from slm.job import TrainJob

    model, train = spec.configs()
    return TrainJob(
        run=spec.run, checkpoints=spec.run_dir.parent, data=spec.data_folder, preset=spec.preset, model=model,
        train=train, command=["python", "app.py"],
    )  # fmt: skip


def job_to_resume(run_dir: Path, *, minutes: float | None, data_dir: Path) -> TrainJob:
    """The job that goes on with a run; `minutes` replaces its budget."""
    from slm.job import TrainJob
    from slm.train_command import resumed_plan

    plan = resumed_plan(run_dir, {} if minutes is None else {"minutes": minutes}, data_folder=data_dir)
    return TrainJob(run=run_dir.name, checkpoints=run_dir.parent, resume=True, command=["python", "app.py"], **plan)
