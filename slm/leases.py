"""A training in short stretches, for hardware that is lent for less than a minute at a time (ZeroGPU).

Each stretch may run in another process, or on another GPU: nothing but the run folder goes from one to the next. For
who reads that folder it is one run, at work from its first stretch to its last.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from slm.files import remove
from slm.job import TrainJob, check_folder
from slm.runs import EventLog, claim_training, clear_stop, is_run, record_process, status, summarize

Stretch = Callable[[TrainJob], dict[str, Any]]


def train_stretch(job: TrainJob) -> dict[str, Any]:
    """Train until the lease or the training is over; the last event, which is of kind `end` only in the second case."""
    from slm.train import train

    return deque(train(job), maxlen=1).pop()


def train_in_leases(job: TrainJob, stretch: Stretch) -> None:
    """Train a job with a `lease_s` to its end; `stretch` is train_stretch, run wherever the hardware is.

    This process holds the right to train and stands in process.json all the while. Raises as `slm.train.train` does;
    a stretch that fails on the way ends the run, which can be resumed from what the one before it saved.
    """
    assert job.lease_s is not None
    with claim_training(job.checkpoints, job.run):
        check_folder(job)
        job.run_dir.mkdir(parents=True, exist_ok=True)
        clear_stop(job.run_dir)
        record_process(job.run_dir)
        try:
            while stretch(job).get("kind") != "end":
                job = replace(job, resume=True, handed_on=True)
        except Exception as error:
            _end_with(job, error)
            raise


def _end_with(job: TrainJob, error: Exception) -> None:
    """Say in the run that a stretch failed, unless it did so itself; a run that came to nothing is removed."""
    if not (job.run_dir / "run.json").exists():
        remove(job.run_dir)
    elif is_run(job.run_dir) and status(job.run_dir) == "running":
        message = f"The hardware was taken away ({error}). Resume goes on from the newest snapshot."
        with EventLog(job.run_dir / "events.jsonl") as log:
            log.append("end", summarize(job.run_dir).step, reason="error", message=message)
