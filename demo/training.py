"""Starting a training from the page: the data is made first where there is none, then the training process."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from demo import preparing
from demo.session import Session, sentence
from demo.views.words import note
from demo.watching import preparing_remark
from demo.zero import job_for, job_to_resume
from slm import launch
from slm.config import PrepareConfig, TrainConfig, preset
from slm.launch import TrainSpec
from slm.runs import Busy, busy_message, training_holder

LOOK_INTERVAL_S = 0.5


def start(session: Session, spec: TrainSpec, *, make_data: bool) -> Path | None:
    """Start the training, or with `make_data` the starter stories and the training after them (returns None then).

    Raises Busy, which says who trains, and ValueError for what cannot be trained.
    """
    session.notices.pop("train", None)
    if holder := training_holder(session.checkpoints):
        raise Busy(busy_message(holder))
    if not make_data or (session.data / spec.data / "manifest.json").exists():
        return _begin(session, spec)
    config = PrepareConfig(source="starter", name=spec.data, vocab=preset(spec.preset).vocab)
    preparing.start(config, session.data)
    session.notices["train"] = preparing_remark({"stage": "read"})
    threading.Thread(target=start_when_ready, args=(session, spec), daemon=True).start()
    return None


def _begin(session: Session, spec: TrainSpec) -> Path:
    """Start the training: in a process of its own, on ZeroGPU in leases."""
    if session.zero:
        placed = dataclasses.replace(spec, checkpoints=session.checkpoints, data_dir=session.data)
        return session.zero.start(job_for(placed))
    return launch.start(spec, checkpoints=session.checkpoints)


def resume(session: Session, run_dir: Path, *, minutes: float | None) -> Path:
    """Go on with a run; `minutes` replaces its budget. Raises as `start` does."""
    if session.zero:
        return session.zero.start(job_to_resume(run_dir, minutes=minutes, data_dir=session.data))
    return launch.resume(run_dir, minutes=minutes, data_dir=session.data)


def rate_falls(record: Mapping[str, Any]) -> bool:
    """Whether the learning rate of a run falls towards its end, by the settings in its run.json."""
    train = record.get("train") or {}
    usual = TrainConfig()
    return train.get("decay_ratio", usual.decay_ratio) > 0 and train.get("min_lr_ratio", usual.min_lr_ratio) < 1


def start_when_ready(session: Session, spec: TrainSpec) -> None:
    """Wait for the data set of a training, then start it; what goes wrong becomes the page's notice."""
    try:
        while (progress := preparing.progress(session.data, spec.data)) and progress["stage"] not in ("done", "error"):
            session.notices["train"] = preparing_remark(progress)
            time.sleep(LOOK_INTERVAL_S)
        if not progress or progress["stage"] == "error":
            raise ValueError((progress or {}).get("message") or "the starter stories could not be made")
        _begin(session, spec)
        session.notices.pop("train", None)
    except (ValueError, OSError) as error:
        session.notices["train"] = note(sentence(error), kind="error")
