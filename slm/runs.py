"""Runs as a person sees them: their state, derived from what they wrote, and one line about each.

    checkpoints/NAME/
      run.json            everything needed to start it again, never edited: run, created (unix seconds), preset,
                          data (name, fingerprint, vocab_size, ...), model and train (the configs' fields), seed,
                          command (list of words), n_params, slm_version
      process.json        who is at work on it (slm.processes)
      events.jsonl        what happened, append-only (slm.events)
      stdout.log          what the training process printed
      stop                its existence asks the training to save and end
      finish              its existence asks for a quick good end, the learning rate falling first
      snapshots/000300/   complete checkpoint folders
      resume/             optimizer state and position, for the newest snapshot
      best.json last.json {"snapshot": "snapshots/000300", "step": 300, "val_loss": 1.9}

A folder with `config.json` and safetensors but none of these files is a plain checkpoint: a bundled model.
Nothing about a run is kept in memory but what its files say, so every process sees the same.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slm.config import BUDGETS
from slm.digest import EventDigest, digest
from slm.events import EVENTS_FILE, EventLog, after_resume, read_events
from slm.files import folder_size_mb, read_json, read_object, replacing, write_json
from slm.folders import (
    RUN_FILE,
    bundled_dir,
    check_name,
    checkpoints_dir,
    clear_stop,
    data_dir,
    find_snapshots,
    finish_requested,
    is_checkpoint,
    is_name,
    is_run,
    request_finish,
    request_stop,
    resolve,
    stop_requested,
)
from slm.processes import (
    PROCESS_FILE,
    Busy,
    busy_message,
    claim_training,
    is_alive,
    is_elsewhere,
    process_alive,
    record_process,
    training_holder,
    worker,
)

__all__ = [
    "Busy",
    "EventLog",
    "RunSummary",
    "after_resume",
    "bundled_dir",
    "busy_message",
    "check_name",
    "checkpoints_dir",
    "claim_training",
    "clear_stop",
    "data_dir",
    "find_snapshots",
    "finish_requested",
    "is_checkpoint",
    "is_name",
    "is_run",
    "list_runs",
    "process_alive",
    "read_events",
    "read_json",
    "record_process",
    "refuse_if_elsewhere",
    "replacing",
    "request_finish",
    "request_stop",
    "resolve",
    "status",
    "stop_requested",
    "summarize",
    "trained_on",
    "training_holder",
    "worker",
    "write_json",
]

SILENT_S = 600.0
STATES = ("running", "finished", "stopped", "diverged", "error", "lost", "bundled")


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """One run or bundled model in one line; what is not known (yet) is None.

    `val_loss` (nats a token) and `val_bpb` are the best evaluation's, at `best_step`; `train_loss`, `tokens`,
    `elapsed_s` and `tok_per_s` are the latest; a bundled model's tokens and time are those of all its trainings.
    `budget` is {"minutes": m}, {"steps": n} or {"tokens": n}.
    `created` and `updated` are unix seconds.
    """

    name: str
    path: Path
    status: str
    preset: str | None = None
    data: str | None = None
    created: float | None = None
    updated: float | None = None
    device: str | None = None
    n_params: int | None = None
    budget: dict[str, float] = field(default_factory=dict)
    step: int = 0
    tokens: int | None = None
    elapsed_s: float | None = None
    tok_per_s: float | None = None
    train_loss: float | None = None
    val_loss: float | None = None
    val_bpb: float | None = None
    best_step: int | None = None
    message: str | None = None
    snapshots: int = 0
    size_mb: float = 0.0


def status(run_dir: str | Path) -> str:
    """The state of a run, one of STATES.

    The last `end` event gives its reason; without one the run is `running` while its process lives and `lost`
    after. A plain checkpoint is `bundled`. Raises ValueError for any other folder.
    """
    run_dir = Path(run_dir)
    if not is_run(run_dir):
        if is_checkpoint(run_dir):
            return "bundled"
        raise ValueError(f"{run_dir} is no run: it has no {EVENTS_FILE}, {RUN_FILE} or {PROCESS_FILE}")
    return _state(run_dir)[0]


def list_runs(checkpoints: str | Path) -> list[RunSummary]:
    """All runs, the newest first, then the bundled models by name. A folder whose name no run can have is none."""
    folder = Path(checkpoints)
    found = [p for p in folder.iterdir() if p.is_dir() and is_name(p.name)] if folder.is_dir() else []
    summaries = []
    for path in found:
        try:
            if is_run(path) or is_checkpoint(path):
                summaries.append(summarize(path))
        except (FileNotFoundError, ValueError):
            # Another process may have deleted it in the meantime.
            if is_run(path) or is_checkpoint(path):
                raise
    return sorted(summaries, key=lambda s: (s.status == "bundled", -(s.created or 0.0), s.name))


def summarize(run_dir: str | Path) -> RunSummary:
    """What the table of runs says about one; cheap to ask for again, since only new events are read."""
    run_dir = Path(run_dir)
    if status(run_dir) == "bundled":
        about = read_object(run_dir / "slm.json")
        known = ("preset", "created", "n_params", "train_loss", "val_loss", "val_bpb")
        facts: dict[str, Any] = {key: about.get(key) for key in known}
        facts |= {key: _in_all(about, key) for key in ("tokens", "elapsed_s")}
        return RunSummary(
            name=run_dir.name,
            path=run_dir,
            status="bundled",
            data=_data_name(about),
            step=about.get("step") or 0,
            size_mb=folder_size_mb(run_dir),
            **facts,
        )
    state, events = _state(run_dir)
    record, start, train, best = read_object(run_dir / RUN_FILE), events.start, events.train, events.best
    return RunSummary(
        name=run_dir.name,
        path=run_dir,
        status=state,
        preset=record.get("preset"),
        data=_data_name(record),
        created=record.get("created") or events.first.get("t"),
        updated=events.last.get("t"),
        device=start.get("device"),
        n_params=start.get("n_params") or record.get("n_params"),
        budget=_budget(start, record.get("train") or {}),
        step=events.last.get("step", 0),
        tokens=train.get("tokens"),
        elapsed_s=train.get("elapsed_s"),
        tok_per_s=train.get("tok_per_s"),
        train_loss=train.get("loss"),
        val_loss=best.get("val_loss"),
        val_bpb=best.get("val_bpb"),
        best_step=best.get("step"),
        message=events.end.get("message"),
        snapshots=len(find_snapshots(run_dir)),
        size_mb=folder_size_mb(run_dir),
    )


def trained_on(path: str | Path) -> dict[str, Any]:
    """What a run, one of its snapshots or a checkpoint says of its data: at least {"name", "fingerprint"}.

    Raises ValueError where it says nothing.
    """
    path = Path(path)
    for file in (path / RUN_FILE, path / "slm.json"):
        data = read_object(file).get("data")
        if isinstance(data, dict) and isinstance(data.get("fingerprint"), str):
            return {"name": None, **data}
    raise ValueError(f"{path.name} does not say which stories it learnt from")


def _in_all(about: dict[str, Any], name: str) -> Any:
    """A number of a model's slm.json with those of the trainings before it; what is no number stays as it is."""
    before = about.get("begun_from")
    told = [about, *(one for one in (before if isinstance(before, list) else []) if isinstance(one, dict))]
    values = [one.get(name) for one in told]
    if not isinstance(values[0], int | float):
        return values[0]
    return sum(value for value in values if isinstance(value, int | float))


def _data_name(record: dict[str, Any]) -> str | None:
    data = record.get("data")
    return data.get("name") if isinstance(data, dict) else data


def _budget(start: dict[str, Any], train: dict[str, Any]) -> dict[str, float]:
    # A resume may raise the budget, so the last start event knows better than run.json.
    if start.get("budget_s"):
        return {"minutes": start["budget_s"] / 60}
    if start.get("max_steps"):
        return {"steps": start["max_steps"]}
    return {name: train[name] for name in BUDGETS if train.get(name)}


def _state(run_dir: Path) -> tuple[str, EventDigest]:
    # Asked before the events are read: of a process that ends in between, the `end` event is read.
    process = worker(run_dir)
    alive = is_alive(process)
    events = digest(run_dir)
    # A resumed process lives for a moment before its first event: an older `end` is not its own.
    ended = events.end and not (alive and events.end.get("t", 0.0) < process.get("started", 0.0))
    return (events.end["reason"] if ended else "running" if alive else "lost"), events


def refuse_if_elsewhere(run_dir: str | Path) -> None:
    """Raise ValueError where another machine, which shares this disk, may be at work on the run.

    A training writes at each update: one that was silent for SILENT_S is taken for dead wherever it was.
    """
    run_dir, process = Path(run_dir), worker(run_dir)
    if not is_elsewhere(process) or status(run_dir) != "lost":
        return
    files = (run_dir / EVENTS_FILE, run_dir / PROCESS_FILE)
    silent_s = time.time() - max((file.stat().st_mtime for file in files if file.exists()), default=0.0)
    if silent_s < SILENT_S:
        raise ValueError(
            f"run {run_dir.name} was at work on {process['host']} {max(0.0, silent_s):.0f} s ago; stop it there, or "
            f"wait until it has been silent for {SILENT_S / 60:.0f} minutes"
        )
