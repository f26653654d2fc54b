"""Folders as trainings leave them, made at once."""

from __future__ import annotations

from pathlib import Path

from slm import runs
from slm.events import EVENTS_FILE, EventLog


def write_events(run_dir: Path, *events: tuple[str, int, dict]) -> None:
    with EventLog(run_dir / EVENTS_FILE) as log:
        for kind, step, fields in events:
            log.append(kind, step, **fields)


def make_checkpoint(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def make_run(run_dir: Path, steps: list[int]) -> Path:
    run_dir.mkdir(parents=True)
    runs.write_json(run_dir / "run.json", {"run": run_dir.name})
    for step in steps:
        make_checkpoint(run_dir / "snapshots" / f"{step:06d}")
    return run_dir
