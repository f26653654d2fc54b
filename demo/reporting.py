"""Making a report card in a process of its own: it goes on when the page is closed, and any page can look at it.

    python -m demo.reporting JOB_FOLDER

A job folder `CHECKPOINTS/.reports/NAME` holds job.json (what to do), process.json (who is at it), progress.json and
log.txt. The report itself lies beside the model, where every program finds it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from demo.session import Session
from slm.data.prepare import find_dataset
from slm.launch import detached
from slm.report import read_report
from slm.runs import Busy, check_name, process_alive, read_json, record_process, resolve, trained_on, write_json

PROJECT = Path(__file__).resolve().parent.parent
WRITE_INTERVAL_S = 0.3
PATIENCE_S = 20.0  # for the process to say that it is there


def start(session: Session, run: str | None) -> None:
    """Begin to make the report card of a run's best model or of a bundled one.

    Raises Busy where one is being made, and ValueError where there is no model or the stories that it learnt from are
    not here.
    """
    if at_work := running_job(session):
        raise Busy(f"the report card of {at_work!r} is being made already; wait until it is ready")
    run_dir = session.run_dir(run)
    folder, data = resolve(run_dir), trained_on(run_dir)
    stories = find_dataset(session.data, fingerprint=data["fingerprint"], name=data["name"])
    job = _job(session, run_dir.name)
    job.mkdir(parents=True, exist_ok=True)
    for old in ("process.json", "progress.json"):
        (job / old).unlink(missing_ok=True)
    write_json(job / "job.json", {"folder": folder, "data": stories, "created": time.time()})
    with open(job / "log.txt", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "demo.reporting", str(job)], cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=log,
            stderr=subprocess.STDOUT, **detached(),
        )
    threading.Thread(target=process.wait, daemon=True).start()  # so that it leaves no zombie behind
    end = time.monotonic() + PATIENCE_S
    while not (job / "process.json").exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)


def running_job(session: Session) -> str | None:
    """The run whose report card is being made now."""
    jobs = (session.checkpoints / ".reports").glob("*/job.json")
    return next((file.parent.name for file in jobs if process_alive(file.parent)), None)


def progress(session: Session, run: str) -> dict[str, Any] | None:
    """How the making of a run's report card stands: {"stage", "done", "total"}, None where nothing is to be told.

    A stage of its own is "error", with a "message".
    """
    job = _job(session, session.run_dir(run).name)
    if not (job / "job.json").exists():
        return None
    alive = process_alive(job)  # asked first: a process that ends in between has written its last progress
    try:
        last = read_json(job / "progress.json")
    except (FileNotFoundError, ValueError):
        last = {"stage": "begin", "done": 0, "total": 0}
    if alive or last["stage"] == "error":
        return last
    return None if last["stage"] == "done" else {"stage": "error", "message": _last_words(job)}


def forget(session: Session, run: str) -> None:
    """Put away how the making of a card went: the run's name is free, and the next one of that name has no card yet."""
    shutil.rmtree(_job(session, check_name(run)), ignore_errors=True)


def report(session: Session, run: str | None) -> dict[str, Any] | None:
    """The report card of the model that a run's name means; None where there is none."""
    try:
        return read_report(resolve(session.run_dir(run)))
    except ValueError:
        return None


def _job(session: Session, name: str) -> Path:
    return session.checkpoints / ".reports" / name


def _last_words(job: Path) -> str:
    lines = (job / "log.txt").read_text(errors="replace").strip().splitlines() if (job / "log.txt").exists() else []
    return f"The report card was interrupted. {lines[-1][:300] if lines else 'Make it again.'}"


def make(folder: Path, data: Path) -> Iterator[dict[str, Any]]:
    """Measure the model in `folder` with the stories in `data`, and keep its report card beside it."""
    import slm
    from slm.data.batches import Corpus
    from slm.data.known import stories_of
    from slm.evaluate import StoryLosses
    from slm.report import load_prompts, write_report
    from slm.reporting import make_report

    corpus, lm = Corpus(data), slm.load(folder, precision="float32")
    losses = StoryLosses(lm, stories_of(corpus.validation, corpus.tokenizer))
    for done in losses.measure():
        yield {"stage": "loss", "done": done, "total": int(losses.tokens.sum())}
    for last in make_report(lm, corpus, load_prompts(), losses=losses.summary()):
        if "report" in last:
            write_report(folder, last.pop("report"))
        yield last


def work(job: Path) -> None:
    """Do the job of this folder, writing progress.json as it goes."""
    record_process(job)
    what = read_json(job / "job.json")
    written = 0.0
    try:
        for last in make(Path(what["folder"]), Path(what["data"])):
            if last["stage"] == "done" or time.monotonic() - written > WRITE_INTERVAL_S:
                written = time.monotonic()
                write_json(job / "progress.json", last)
    except ValueError as error:
        write_json(job / "progress.json", {"stage": "error", "message": str(error)})


if __name__ == "__main__":
    work(Path(sys.argv[1]))
