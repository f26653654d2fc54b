"""Runs are renamed and deleted whole; what trains, is bundled or lies elsewhere stays as it is."""

from __future__ import annotations

import contextlib
import shutil
import uuid
from pathlib import Path

from slm.folders import check_name, checkpoints_dir, is_run
from slm.runs import refuse_if_elsewhere, status


def delete_run(run_dir: str | Path, *, checkpoints: str | Path | None = None) -> None:
    """Remove a run with all its snapshots; ValueError for one that is training, bundled or somewhere else."""
    run_dir = _own_run(run_dir, checkpoints_dir(checkpoints))
    # Moved first: a half-removed run never stands in the list.
    aside = run_dir.with_name(f".deleted-{run_dir.name}-{uuid.uuid4().hex[:8]}")
    run_dir.rename(aside)
    shutil.rmtree(aside)


def rename_run(run_dir: str | Path, name: str, *, checkpoints: str | Path | None = None) -> Path:
    """Give a run another name; its new folder. ValueError for a name that is taken and for what cannot be deleted."""
    run_dir = _own_run(run_dir, checkpoints_dir(checkpoints))
    target = run_dir.with_name(check_name(name))
    if target.exists():
        raise ValueError(f"there is a run or model {name} already")
    with contextlib.suppress(FileExistsError):
        return run_dir.rename(target)
    raise ValueError(f"there is a run or model {name} already")


def _own_run(run_dir: str | Path, checkpoints: Path) -> Path:
    """The folder, when it is a run that lies directly in `checkpoints` and is not running; else ValueError."""
    run_dir = Path(run_dir).absolute()
    check_name(run_dir.name)
    if run_dir.is_symlink() or not run_dir.is_dir() or run_dir.resolve().parent != checkpoints.resolve():
        raise ValueError(f"{run_dir} is no run of {checkpoints}")
    if not is_run(run_dir):
        raise ValueError(f"{run_dir.name} is a bundled model, not a run; it stays")
    if status(run_dir) == "running":
        raise ValueError(f"run {run_dir.name} is training; stop it first")
    refuse_if_elsewhere(run_dir)
    return run_dir
