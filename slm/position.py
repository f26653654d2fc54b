"""Where a training stands: what of it is saved, and how it is taken up again."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from slm.beginning import first_model
from slm.device import describe
from slm.divergence import LossWatch
from slm.files import read_json
from slm.job import check_data_unchanged, description
from slm.model import GPT
from slm.updates import Updater

if TYPE_CHECKING:
    from slm.trainer import Trainer

PLACES = ("--checkpoints", "--data-dir")  # flags that say where one machine keeps things
Saved = tuple[GPT, dict[str, Tensor], dict[str, Any]]  # model, optimizer state, and what `position` gave


def position(trainer: Trainer) -> dict[str, Any]:
    """What a training needs to go on, beside model and optimizer, in JSON's types."""
    return {
        "tokens": trainer.budget.tokens,
        "elapsed_s": trainer.budget.elapsed_s,
        "measured": trainer.observer.measured,
        "fingerprint": trainer.corpus.fingerprint,
        "device": trainer.team.device.type,
        "dtype": str(trainer.updater.dtype).removeprefix("torch."),
        "compiled": trainer.compiled,
        "batch_size": trainer.updater.batch_size,
        "rate": trainer.rate,
        "loss_scale": trainer.updater.loss_scale.state(),
    }


def restore(trainer: Trainer, saved: Saved | None) -> None:
    """Make model and optimizer what they were when they were saved, or new where nothing was.

    Raises ValueError where the data set has changed since, and where other processes found another position.
    """
    state: dict[str, Any] = {}
    same_device = True
    if saved is None:
        model = first_model(trainer.job, trainer.corpus)
    else:
        model, optimizer_state, state = saved
        check_data_unchanged(trainer.job, trainer.corpus, state["fingerprint"])
        same_device = state.get("device", trainer.team.device.type) == trainer.team.device.type
        if same_device or trainer.config.dtype != "auto":  # what one device does well another may do very slowly
            trainer.dtype = getattr(torch, state["dtype"])
    config, team = trainer.config, trainer.team
    trainer.updater = Updater(model, config, team=team, dtype=trainer.dtype)
    if saved is not None:
        trainer.updater.optimizer.load_state(optimizer_state)
        if trainer.dtype == torch.float16:
            trainer.updater.loss_scale.load_state(state.get("loss_scale"))
    if same_device:  # what fitted into its memory, and with dropout equal losses
        trainer.updater.batch_size = min(trainer.updater.batch_size, state.get("batch_size", math.inf))
    if config.minutes is None and same_device:
        trainer.compiled = state.get("compiled", trainer.compiled)  # equal losses need the same code
    elif trainer.compiled:
        trainer.compiled = None  # by the clock no losses are equal, and too little time may be left for the compiler
    trainer.rate = min(trainer.rate, state.get("rate", 1.0))
    trainer.watch = LossWatch()
    trainer.observer.measured = state.get("measured", {})
    trainer.observer.last_s = trainer.last_save_s = state.get("elapsed_s", 0.0)
    trainer.budget.begin(**{key: state[key] for key in ("step", "tokens", "elapsed_s") if key in state})
    if not team.is_common(trainer.budget.step):
        raise ValueError(
            f"process {team.rank} found the training at step {trainer.budget.step} in {trainer.job.checkpoints}, and "
            "another one elsewhere: all machines need the same checkpoints folder, on a disk that they share"
        )


def recorded(trainer: Trainer) -> dict[str, Any]:
    """run.json of a training: everything needed to start it again."""
    return {**description(trainer.job, trainer.corpus), "begun_from": trainer.before}


def about(trainer: Trainer) -> dict[str, Any]:
    """slm.json of a snapshot taken now; losses are None where this very step was not evaluated.

    It goes with the model to wherever that is published, so it tells no folder of this machine.
    """
    measured = trainer.observer.measured
    losses = measured if measured.get("step") == trainer.budget.step else {}
    record = recorded(trainer)
    return {
        **record,
        "data": _data_told(record["data"]),
        "init_from": _own_name(record["init_from"]),
        "command": shlex.join(_words_told(_first_command(trainer))),
        "step": trainer.budget.step,
        "tokens": trainer.budget.tokens,
        "elapsed_s": round(trainer.budget.elapsed_s, 3),
        "hardware": describe(trainer.team.device),
        "train_loss": trainer.train_loss,
        "val_loss": losses.get("val_loss"),
        "val_bpb": losses.get("val_bpb"),
        "torch_version": torch.__version__,
    }


def _first_command(trainer: Trainer) -> list[str]:
    """The words that began the run: those of a resume alone would not train the model again."""
    if not trainer.job.resume:
        return trainer.job.command
    return read_json(trainer.job.run_dir / "run.json").get("command") or []


def _words_told(command: Sequence[str]) -> Iterator[str]:
    """The words of a command without those that only this machine understands."""
    words = iter(command)
    for word in words:
        flag, equals, value = word.partition("=")
        if flag not in (*PLACES, "--init-from"):
            yield word
            continue
        value = value if equals else next(words, "")
        if flag == "--init-from":
            yield from (flag, _own_name(value) or "")


def _data_told(data: dict[str, Any]) -> dict[str, Any]:
    """What is told of a data set: of its source the name, where that is a file or a folder of this machine."""
    source, description = data.get("source"), data.get("description")
    name = _own_name(source)
    return {**data, "source": name, "description": description and description.replace(source or "", name or "")}


def _own_name(place: str | None) -> str | None:
    """The last name of a full path; anything else, such as a Hub id, as it is."""
    return Path(place).name if place and Path(place).is_absolute() else place
