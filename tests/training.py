"""A training of seconds that several tests share, and what to ask of its folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from slm.checkpoint import load_folder
from slm.config import PRESETS, TrainConfig
from slm.job import TrainJob
from slm.runs import after_resume, find_snapshots, read_events

STEPS = 12


def job(starter_data: Path, place: Path, **changes) -> TrainJob:
    """Twelve steps of a tiny model, looked at and saved every fourth.

    In float32, where nothing else is asked for: a training left to choose measures what is faster, and two of them may
    find differently on a busy machine.
    """
    train_fields = {
        "steps": STEPS, "batch_size": 5, "warmup_steps": 3, "eval_interval": 4, "eval_windows": 3, "sample_tokens": 7,
        "save_interval_s": 0.0, "threads": 1, "seed": 7, "dtype": "float32", **changes.pop("train", {}),
    }  # fmt: skip
    dropout = changes.pop("dropout", 0.1)
    model = replace(PRESETS["golden"].model, n_layer=2, block_size=31, dropout=dropout)
    fields = {"run": "run", "checkpoints": place, "data": starter_data / "starter", "preset": "golden", "model": model}
    return TrainJob(**{**fields, "train": TrainConfig(**train_fields), **changes})


def losses(run_dir: Path) -> dict[int, float]:
    """The training loss of each step that counts."""
    return {e["step"]: e["loss"] for e in after_resume(read_events(run_dir)[0]) if e["kind"] == "train"}


def weights(run_dir: Path) -> dict[str, torch.Tensor]:
    """The newest snapshot's weights."""
    return load_folder(find_snapshots(run_dir)[-1])[0].state_dict()


def spoiled(calls: set[int], spoil: Callable[[Any, float], float]) -> Callable[..., float]:
    """`Updater.backward` as it is, but in these calls (the first is 1) its loss goes through `spoil(updater, loss)`."""
    from slm.updates import Updater

    backward, count = Updater.backward, iter(range(1, 10**9))

    def wrapped(self, x, y, *, share):
        loss = backward(self, x, y, share=share)
        return spoil(self, loss) if next(count) in calls else loss

    return wrapped
