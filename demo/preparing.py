"""Preparing a data set in a process of its own: it goes on when the page is closed, and any page can look at it.

    python -m demo.preparing JOB_FOLDER

A job folder `DATA/.jobs/NAME` holds job.json (what to do), process.json (who is at it), progress.json and log.txt.
"""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from slm.config import PrepareConfig
from slm.runs import Busy, check_name, process_alive, read_json, record_process, write_json

PROJECT = Path(__file__).resolve().parent.parent
WRITE_INTERVAL_S = 0.3
MOST_TEXT_CHARACTERS = 200_000_000


def start(config: PrepareConfig, data_dir: Path) -> str:
    """Begin to prepare a data set and return its name; Busy where another preparation is at work."""
    name = check_name(config.name or "")
    if at_work := running_job(data_dir):
        raise Busy(f"data set {at_work!r} is being prepared already; wait until it is ready, or cancel it")
    if (data_dir / name / "manifest.json").exists():
        raise ValueError(f"there is a data set {name} already; choose another name")
    job = data_dir / ".jobs" / name
    job.mkdir(parents=True, exist_ok=True)
    for old in ("process.json", "progress.json"):
        (job / old).unlink(missing_ok=True)
    write_json(job / "job.json", {"data_dir": data_dir, "created": time.time(), "config": dataclasses.asdict(config)})
    with open(job / "log.txt", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "demo.preparing", str(job)], cwd=PROJECT, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )
    threading.Thread(target=process.wait, daemon=True).start()  # so that it leaves no zombie behind
    for _ in range(200):
        if (job / "process.json").exists() or process.poll() is not None:
            break
        time.sleep(0.05)
    return name


def cancel(data_dir: Path) -> None:
    """Ask the preparation at work to end; what it made so far is dropped."""
    if name := running_job(data_dir):
        (data_dir / ".jobs" / name / "stop").touch()


def running_job(data_dir: Path) -> str | None:
    """The name of the data set that is being prepared now."""
    return next((job.name for job in _jobs(data_dir) if process_alive(job)), None)


def progress(data_dir: Path, name: str | None = None) -> dict[str, Any] | None:
    """How the newest preparation (or that of `name`) stands: {"name", "stage", "done", "total", "elapsed_s"}.

    A stage of its own is "error", with a "message"; None where nothing was ever prepared from the page.
    """
    jobs = [job for job in _jobs(data_dir) if name is None or job.name == name]
    if not jobs:
        return None
    job = jobs[0]
    alive = process_alive(job)  # asked first: a process that ends in between has written its last progress
    try:
        last = read_json(job / "progress.json")
    except (FileNotFoundError, ValueError):
        last = {"stage": "read"}
    if not alive and last["stage"] not in ("done", "error"):
        last = {"stage": "error", "message": f"Preparing {job.name} was interrupted. {_last_words(job)}".strip()}
    return {**last, "name": job.name}


def _jobs(data_dir: Path) -> list[Path]:
    """The job folders, the newest first."""
    found = (data_dir / ".jobs").glob("*/job.json")
    return [file.parent for file in sorted(found, key=lambda file: file.stat().st_mtime, reverse=True)]


def _last_words(job: Path) -> str:
    lines = (job / "log.txt").read_text(errors="replace").strip().splitlines() if (job / "log.txt").exists() else []
    return lines[-1][:300] if lines else "Start it again."


def save_text(text: str, data_dir: Path, *, name: str) -> Path:
    """Keep a text that a person pasted or uploaded, as a source to prepare from."""
    if not text.strip():
        raise ValueError("there is no text yet: paste one, or upload a .txt file")
    if len(text) > MOST_TEXT_CHARACTERS:
        raise ValueError(f"the text has {len(text):,} characters, the most possible is {MOST_TEXT_CHARACTERS:,}")
    path = data_dir / ".uploads" / f"{check_name(name)}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", errors="replace")
    return path


def keep_file(file: Path, data_dir: Path, *, name: str) -> Path:
    """Keep an uploaded file as a source to prepare from, under a name of our own."""
    path = data_dir / ".uploads" / f"{check_name(name)}{file.suffix.lower()}"
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, path)
    return path


def work(job: Path) -> None:
    """Do the job of this folder, writing progress.json as it goes."""
    from slm.data.prepare import prepare

    record_process(job)
    what = read_json(job / "job.json")
    (job / "stop").unlink(missing_ok=True)
    written = 0.0
    try:
        for last in prepare(PrepareConfig(**what["config"]), Path(what["data_dir"])):
            if (job / "stop").exists():
                raise ValueError("preparing was cancelled")
            if last["stage"] != "done" and time.monotonic() - written > WRITE_INTERVAL_S:
                written = time.monotonic()
                write_json(job / "progress.json", last)
        # Only now, after the iterator's end, the data set stands in its place.
        write_json(job / "progress.json", {key: last[key] for key in ("stage", "done", "total", "elapsed_s")})
    except ValueError as error:
        write_json(job / "progress.json", {"stage": "error", "message": str(error)})


if __name__ == "__main__":
    work(Path(sys.argv[1]))
