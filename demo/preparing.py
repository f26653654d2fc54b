"""Preparing a data set in a process of its own: it goes on when the page is closed, and any page can look at it.

    python -m demo.preparing JOB_FOLDER

A job folder `DATA/.jobs/NAME` holds job.json (what to do), process.json (who is at it), progress.json and log.txt.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from slm.config import PrepareConfig
from slm.files import remove, replacing
from slm.launch import detached
from slm.leftovers import remove_claimed
from slm.runs import Busy, check_name, process_alive, read_json, record_process, write_json

PROJECT = Path(__file__).resolve().parent.parent
WRITE_INTERVAL_S = 0.3
CANCEL_GRACE_S = 3.0
CANCELLED = "preparing was cancelled"
BEGINS_WITHIN_S = 20.0  # a process that was started and has not said that it is there yet
MOST_TEXT_CHARACTERS = 200_000_000


def start(config: PrepareConfig, data_dir: Path) -> str:
    """Begin to prepare a data set and return its name; Busy where another preparation is at work."""
    name = check_free(config.name or "", data_dir)
    job = data_dir / ".jobs" / name
    job.mkdir(parents=True, exist_ok=True)
    for old in ("process.json", "progress.json", "stop"):
        (job / old).unlink(missing_ok=True)
    write_json(job / "job.json", {"data_dir": data_dir, "created": time.time(), "config": dataclasses.asdict(config)})
    with open(job / "log.txt", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "demo.preparing", str(job)], cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=log,
            stderr=subprocess.STDOUT, **detached(),
        )
    threading.Thread(target=process.wait, daemon=True).start()  # so that it leaves no zombie behind
    while _begins(job) and process.poll() is None:
        time.sleep(0.05)
    if process.poll() is not None and not (job / "process.json").exists():
        write_json(job / "progress.json", _interrupted(job))
    return name


def check_free(name: str, data_dir: Path) -> str:
    """The name, where a data set may be prepared by it now; Busy or ValueError where not."""
    if at_work := running_job(data_dir):
        raise Busy(f"data set {at_work!r} is being prepared already; wait until it is ready, or cancel it")
    if (data_dir / check_name(name) / "manifest.json").exists():
        raise ValueError(f"there is a data set {name} already; choose another name")
    return name


def cancel(data_dir: Path) -> None:
    """Ask the preparation at work to end; what it made so far is dropped."""
    if name := running_job(data_dir):
        (data_dir / ".jobs" / name / "stop").touch()


def running_job(data_dir: Path) -> str | None:
    """The name of the data set that is being prepared now."""
    return next((job.name for job in _jobs(data_dir) if _begins(job) or process_alive(job)), None)


def progress(data_dir: Path, name: str | None = None) -> dict[str, Any] | None:
    """How the newest preparation (or that of `name`) stands: {"name", "stage", "done", "total", "elapsed_s"}.

    A stage of its own is "error", with a "message"; None where nothing was ever prepared from the page.
    """
    jobs = [job for job in _jobs(data_dir) if name is None or job.name == name]
    if not jobs:
        return None
    job = jobs[0]
    # Asked first: a process that ends in between has written its last progress.
    alive = _begins(job) or process_alive(job)
    try:
        last = read_json(job / "progress.json")
    except (FileNotFoundError, ValueError):
        last = {"stage": "read"}
    if not alive and last["stage"] not in ("done", "error"):
        last = _interrupted(job)
    return {**last, "name": job.name}


def _begins(job: Path) -> bool:
    """Whether the job was handed over a moment ago to a process that has not said yet that it is there."""
    if (job / "process.json").exists() or (job / "progress.json").exists():
        return False
    return time.time() - _handed_over(job) < BEGINS_WITHIN_S


def _handed_over(job: Path) -> float:
    """When a job was asked for, in unix seconds; 0.0 for one that was forgotten meanwhile."""
    try:
        return (job / "job.json").stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _interrupted(job: Path) -> dict[str, str]:
    return {"stage": "error", "message": f"Preparing {job.name} was interrupted. {_last_words(job)}".strip()}


def _jobs(data_dir: Path) -> list[Path]:
    """The job folders, the newest first."""
    return sorted((file.parent for file in (data_dir / ".jobs").glob("*/job.json")), key=_handed_over, reverse=True)


def _last_words(job: Path) -> str:
    lines = (job / "log.txt").read_text(errors="replace").strip().splitlines() if (job / "log.txt").exists() else []
    return lines[-1][:300] if lines else "Start it again."


def forget(name: str, data_dir: Path) -> None:
    """Drop what is kept of how a data set was made: the job, and the text or file that it was made from."""
    remove(data_dir / ".jobs" / check_name(name))
    for file in (data_dir / ".uploads").glob(f"{check_name(name)}.*"):
        if file.stem == name:
            file.unlink()


def save_text(text: str, data_dir: Path, *, name: str) -> Path:
    """Keep a text that a person pasted or uploaded, as a source to prepare from."""
    if not text.strip():
        raise ValueError("there is no text yet: paste one, or upload a .txt file")
    if len(text) > MOST_TEXT_CHARACTERS:
        raise ValueError(f"the text has {len(text):,} characters, the most possible is {MOST_TEXT_CHARACTERS:,}")
    path = data_dir / ".uploads" / f"{check_name(name)}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8", errors="replace")
    return path


def keep_file(file: Path, data_dir: Path, *, name: str) -> Path:
    """Keep an uploaded file as a source to prepare from, under a name of our own."""
    path = data_dir / ".uploads" / f"{check_name(name)}{file.suffix.lower()}"
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        shutil.copyfile(file, part)
    return path


def work(job: Path) -> None:
    """Do the job of this folder, writing progress.json as it goes."""
    record_process(job)  # before the imports, which take seconds
    threading.Thread(target=_end_when_asked, args=(job,), daemon=True).start()
    from slm.data.prepare import prepare

    what = read_json(job / "job.json")
    written = 0.0
    try:
        for last in prepare(PrepareConfig(**what["config"]), Path(what["data_dir"])):
            if (job / "stop").exists():
                raise ValueError(CANCELLED)
            if last["stage"] != "done" and time.monotonic() - written > WRITE_INTERVAL_S:
                written = time.monotonic()
                write_json(job / "progress.json", last)
        # Only now, after the iterator's end, the data set stands in its place.
        write_json(job / "progress.json", {key: last[key] for key in ("stage", "done", "total", "elapsed_s")})
    except ValueError as error:
        write_json(job / "progress.json", {"stage": "error", "message": str(error)})


def _end_when_asked(job: Path) -> None:
    """End this process some seconds after it was asked to and still is at one step, such as a download."""
    while not (job / "stop").exists():
        time.sleep(WRITE_INTERVAL_S)
    time.sleep(CANCEL_GRACE_S)  # between two steps it ends by itself, and clears away what it made
    try:
        remove_claimed(job.parent.parent)
    finally:  # Windows keeps what is open: the next preparation clears that away
        write_json(job / "progress.json", {"stage": "error", "message": CANCELLED})
        os._exit(1)


if __name__ == "__main__":
    work(Path(sys.argv[1]))
