"""Starting, finding and stopping trainings as processes of their own, which outlive whoever started them.

What is started is a command that a person could have typed: `command_line` shows it. The process is known by what it
writes to its run folder, so the page may be closed, restarted or open twice.
"""

from __future__ import annotations

import dataclasses
import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slm.config import BUDGETS, ModelConfig, TrainConfig, preset
from slm.fields import field_kinds
from slm.files import remove
from slm.gpus import gpu_count, usual_preset
from slm.manifests import read_manifest
from slm.recorded import recorded_plan
from slm.runs import (
    Busy,
    RunSummary,
    busy_message,
    check_name,
    checkpoints_dir,
    data_dir,
    is_run,
    process_alive,
    refuse_if_elsewhere,
    request_finish,
    request_stop,
    status,
    summarize,
    training_holder,
    worker,
)

STDOUT_FILE = "stdout.log"
# Importing torch from a cold disk takes the better part of a minute.
START_TIMEOUT_S = 180.0


@dataclass(frozen=True, kw_only=True)
class TrainSpec:
    """A training as a person asks for it: a preset, a data set, a budget and what is to differ from the preset.

    `overrides` are fields of ModelConfig and TrainConfig. `init_from` is a model to begin with, whose shape then goes
    before the preset's: a name in checkpoints, a folder or a Hub id. `checkpoints` and `data_dir` None are the usual
    places. Raises ValueError for a name, preset, field or budget that cannot be.
    """

    run: str
    data: str
    preset: str = field(default_factory=usual_preset)
    minutes: float | None = None
    steps: int | None = None
    tokens: int | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    init_from: str | None = None
    checkpoints: Path | None = None
    data_dir: Path | None = None

    def __post_init__(self) -> None:
        check_name(self.run)
        check_name(self.data)
        preset(self.preset)
        known = overridable()
        for name in self.overrides:
            if name == "vocab_size":
                raise ValueError("vocab_size is the data set's; prepare one with another --vocab to change it")
            if name not in known:
                raise ValueError(f"there is no setting {name!r}; there are {', '.join(known)}")
        # Held to the fields' own types here, so that equal settings make equal specs.
        checked = {**vars(self._model_config()), **vars(self._train_config())}
        for name in BUDGETS:
            object.__setattr__(self, name, checked[name])
        object.__setattr__(self, "overrides", {name: checked[name] for name in self.overrides})

    @property
    def run_dir(self) -> Path:
        """The folder that the run is kept in."""
        return checkpoints_dir(self.checkpoints) / self.run

    @property
    def data_folder(self) -> Path:
        """The folder of its data set."""
        return data_dir(self.data_dir) / self.data

    def configs(self) -> tuple[ModelConfig, TrainConfig]:
        """The model and training this comes to; the vocabulary is the data set's.

        Raises ValueError where there is no such data set or the settings do not fit each other.
        """
        manifest = _manifest(self.data_folder)
        return dataclasses.replace(self._model_config(), vocab_size=manifest["vocab_size"]), self._train_config()

    def _model_config(self) -> ModelConfig:
        chosen = {k: v for k, v in self.overrides.items() if k in field_kinds(ModelConfig)}
        return dataclasses.replace(preset(self.preset).model, **chosen)

    def _train_config(self) -> TrainConfig:
        chosen = {k: v for k, v in self.overrides.items() if k in field_kinds(TrainConfig)}
        budget = {name: getattr(self, name) for name in BUDGETS}
        return dataclasses.replace(preset(self.preset).train, **chosen, **budget)


def overridable() -> list[str]:
    """The fields that may differ from the preset: all of the model's and the training's but vocabulary and budget."""
    names = [*field_kinds(ModelConfig), *field_kinds(TrainConfig)]
    return [name for name in names if name not in ("vocab_size", *BUDGETS)]


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        return read_manifest(folder)
    except FileNotFoundError:
        there = sorted(p.parent.name for p in folder.parent.glob("*/manifest.json"))
        known = f"there are {', '.join(there)}" if there else "there is none yet"
        raise ValueError(
            f"there is no data set {folder.name!r} in {folder.parent} ({known}); make one: python -m slm prepare"
        ) from None


def flag(name: str, value: Any) -> list[str]:
    """A setting as words of the command line; None is off."""
    if isinstance(value, float) and value.is_integer() and value < 1e15:
        value = int(value)
    word = "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    option = f"--{name.replace('_', '-')}"
    # A word that begins with a dash would be taken for a flag of its own.
    return [f"{option}={word}"] if word.startswith("-") else [option, word]


def _words(spec: TrainSpec) -> list[str]:
    words = ["train", "--run", spec.run, "--data", spec.data, "--preset", spec.preset]
    settings = {name: getattr(spec, name) for name in BUDGETS if getattr(spec, name) is not None}
    places = {"init_from": spec.init_from, "checkpoints": spec.checkpoints, "data_dir": spec.data_dir}
    settings |= {**spec.overrides, **{k: v for k, v in places.items() if v is not None}}
    return words + [word for name, value in settings.items() for word in flag(name, value)]


def command(spec: TrainSpec) -> list[str]:
    """The words that start this training, this Python's own path first."""
    return [sys.executable, *_program(spec._train_config()), *_words(spec)]


def command_line(spec: TrainSpec) -> str:
    """The command as a person would type it."""
    program = _program(spec._train_config())
    start = ["torchrun", *program[2:]] if "--nproc-per-node" in program else ["python", *program]
    return shlex.join([*start, *_words(spec)])


def _program(config: TrainConfig) -> list[str]:
    """What stands between Python and the words of the command: torchrun, where this machine has several GPUs to use."""
    together = config.device in ("auto", "cuda") and sys.platform != "win32"  # whose torch has no NCCL
    gpus = gpu_count() if together else 0
    # Each process takes equally many sequences of an update.
    processes = max((n for n in range(1, gpus + 1) if not any(rows % n for rows in config.row_counts)), default=1)
    if processes == 1:
        return ["-m", "slm"]
    return ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "-m", "slm", "--"]


def start(spec: TrainSpec, *, checkpoints: str | Path | None = None) -> Path:
    """Start a training that outlives this process; its run folder, once it is at work.

    `checkpoints` overrides the spec's. Raises ValueError where the settings are wrong, the name is taken or the process
    died at once (with the last lines it printed), and `Busy` where another training runs.
    """
    # Written out in full: the started process may stand in another folder.
    places = checkpoints_dir(checkpoints or spec.checkpoints)
    spec = dataclasses.replace(spec, checkpoints=places, data_dir=spec.data_folder.parent)
    spec.configs()
    _refuse_if_busy(spec.run_dir.parent)
    # A process that was killed before its run began has left no more than what it printed.
    if spec.run_dir.exists() and {p.name for p in spec.run_dir.iterdir()} - {STDOUT_FILE}:
        raise ValueError(f"there is a run {spec.run!r} already; give another name, or resume it")
    spec.run_dir.mkdir(parents=True, exist_ok=True)
    return _launch(command(spec), spec.run_dir)


def resume(
    run_dir: str | Path,
    *,
    minutes: float | None = None,
    steps: int | None = None,
    tokens: int | None = None,
    data_dir: str | Path | None = None,
) -> Path:
    """Go on with a run from its newest snapshot, with its own settings; a budget given here replaces its own.

    Raises as `start` does.
    """
    run_dir = Path(run_dir).absolute()
    if status(run_dir) == "bundled":
        raise ValueError(f"{run_dir.name} is a bundled model: it has no training to go on with")
    _refuse_if_busy(run_dir.parent)
    refuse_if_elsewhere(run_dir)
    given = {"minutes": minutes, "steps": steps, "tokens": tokens, "checkpoints": run_dir.parent, "data_dir": data_dir}
    settings = [word for name, value in given.items() if value is not None for word in flag(name, value)]
    program = _program(recorded_plan(run_dir)["train"])
    return _launch([sys.executable, *program, "train", "--run", run_dir.name, "--resume", *settings], run_dir)


def stop(run_dir: str | Path) -> None:
    """Ask a running training to save and end; ValueError for a run that is not running."""
    _check_running(run_dir)
    request_stop(run_dir)


def finish(run_dir: str | Path) -> None:
    """Ask a running training to come to a good end soon (Budget.finish); ValueError for a run that is not running."""
    _check_running(run_dir)
    request_finish(run_dir)


def _check_running(run_dir: str | Path) -> None:
    if (state := status(run_dir)) != "running":
        raise ValueError(f"run {Path(run_dir).name} is not running: it is {state}")


def running(checkpoints: str | Path | None = None) -> RunSummary | None:
    """The run that trains in this checkpoints folder now, if any."""
    folder = checkpoints_dir(checkpoints)
    holder = training_holder(folder)
    return summarize(folder / holder["run"]) if holder and is_run(folder / holder["run"]) else None


def _refuse_if_busy(checkpoints: Path) -> None:
    if holder := training_holder(checkpoints):
        raise Busy(busy_message(holder))


def _launch(words: list[str], run_dir: Path) -> Path:
    """Start the process and wait until `process.json` shows it alive."""
    earlier = worker(run_dir)
    home = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(p for p in (home, os.environ.get("PYTHONPATH")) if p)
    with open(run_dir / STDOUT_FILE, "ab") as out:
        begin = out.tell()
        child = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
            **detached(),
        )
    deadline = time.monotonic() + START_TIMEOUT_S
    # The process of an earlier stretch may still be on its way out.
    while (worker(run_dir) == earlier or not process_alive(run_dir)) and child.poll() is None:
        if time.monotonic() > deadline:
            raise ValueError(f"run {run_dir.name} has not begun within {START_TIMEOUT_S:.0f} s; see its {STDOUT_FILE}")
        time.sleep(0.05)
    if child.poll():
        raise _failure(run_dir, begin)
    # Somebody has to ask for the exit code, or the finished child stays in the process table as a zombie.
    threading.Thread(target=child.wait, name=f"reap-{child.pid}", daemon=True).start()
    return run_dir


def detached() -> dict[str, Any]:
    """What subprocess.Popen needs for a process that goes on when whoever started it ends, by Ctrl-C too."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


def _failure(run_dir: Path, begin: int) -> ValueError:
    """What the dead process said, as the error to raise; a folder that came to nothing is removed."""
    said = (run_dir / STDOUT_FILE).read_bytes()[begin:].decode("utf-8", errors="replace").strip()
    if [p.name for p in run_dir.iterdir()] == [STDOUT_FILE]:
        remove(run_dir)
    if holder := training_holder(run_dir.parent):
        return Busy(busy_message(holder))
    silent = f"it printed nothing; {shutil.disk_usage(run_dir.parent).free / 1e9:,.1f} GB are free on its disk"
    last = "\n".join(said.splitlines()[-15:]) or silent
    return ValueError(f"the training of {run_dir.name} ended as soon as it was started:\n{last}")
