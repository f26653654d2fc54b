"""Training as an iterator of events.

`train(job)` prepares nothing and prints nothing: it lets a Trainer update the weights, writes each event to the run
folder and yields it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator
from typing import Any

from slm.folders import ELSEWHERE_CHECKPOINTS
from slm.job import TrainJob, check_folder
from slm.refusals import full_disk_told, make_folder
from slm.runs import EventLog, claim_training
from slm.team import assembled
from slm.trainer import Trainer


def train(job: TrainJob, *, joined: Callable[[], None] = lambda: None) -> Generator[dict[str, Any], None, None]:
    """Train until the budget is used or a stop is asked for; yields every event of the run (see `slm.events`).

    `joined` is called once all processes of the team have found each other; one alone has found itself.
    Raises ValueError before anything is written where the job cannot run, or where the disk has no room or no folder
    for it to begin, and `slm.runs.Busy` where another training runs in the same checkpoints folder. An error on the way
    is written as an `end` event and raised.
    """
    with assembled(job.train.device) as team:
        joined()
        trainer = Trainer(job, team)
        if team.is_first:
            yield from _recorded(trainer)
        else:
            trainer.open_run()
            for _ in trainer.events():
                pass


def _recorded(trainer: Trainer) -> Iterator[dict[str, Any]]:
    """The whole training, each event written down; the only writer of its run folder."""
    job = trainer.job
    with contextlib.ExitStack() as held:
        with full_disk_told(job.checkpoints, lost=f"run {job.run} has not begun", advice=ELSEWHERE_CHECKPOINTS):
            # Who hands out leases holds the claim, and looked at the folder, for all of them.
            if job.lease_s is None:
                make_folder(job.checkpoints, advice=ELSEWHERE_CHECKPOINTS)
                held.enter_context(claim_training(job.checkpoints, job.run))
                check_folder(job)
            trainer.open_run()
            log = held.enter_context(EventLog(job.run_dir / "events.jsonl"))
        try:
            for kind, fields in trainer.events():
                yield log.append(kind, trainer.budget.step, **fields)
        except Exception as error:
            # A full disk may have no room for this line either; the error itself is told all the same.
            with contextlib.suppress(OSError):
                log.append("end", trainer.budget.step, reason="error", message=_in_words(error))
            raise


def _in_words(error: Exception) -> str:
    """An error for a person; one that is no sentence of ours goes with its kind."""
    return f"{error}" if isinstance(error, (ValueError, OSError)) else f"{type(error).__name__}: {error}"
