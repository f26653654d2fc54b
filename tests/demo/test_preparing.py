"""A preparation from its first moment: nobody is told that it was interrupted while its process still begins."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from demo import preparing
from demo.preparing import BEGINS_WITHIN_S, progress, running_job
from demo.session import Session
from demo.tabs import data
from slm.config import PrepareConfig
from slm.launch import detached
from slm.runs import Busy, record_process, write_json
from tests.waiting import PATIENCE_S, wait_for


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A job that was handed over just now."""
    job = tmp_path / ".jobs" / "mine"
    write_json(job / "job.json", {})
    return job


def made_s_ago(job: Path, seconds: float) -> None:
    when = time.time() - seconds
    os.utime(job / "job.json", (when, when))


def test_a_process_that_begins_is_at_work(tmp_path: Path, job: Path) -> None:
    assert progress(tmp_path) == {"stage": "read", "name": "mine"} and running_job(tmp_path) == "mine"
    with pytest.raises(Busy, match="'mine' is being prepared already"):
        preparing.start(PrepareConfig(source="starter", name="other"), tmp_path)
    record_process(job)
    made_s_ago(job, 2 * BEGINS_WITHIN_S)
    assert progress(tmp_path)["stage"] == "read" and running_job(tmp_path) == "mine"


def test_one_that_never_began_is_told(tmp_path: Path, job: Path) -> None:
    made_s_ago(job, BEGINS_WITHIN_S + 1)
    stands = progress(tmp_path)
    assert stands["stage"] == "error" and stands["message"] == "Preparing mine was interrupted. Start it again."
    assert running_job(tmp_path) is None


def test_a_process_that_ends_before_it_says_anything_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = subprocess.Popen

    def dies(words: list[str], **more: object) -> subprocess.Popen:
        assert detached().items() <= more.items(), "it goes on when the page ends, on Windows too"
        return real([sys.executable, "-c", "raise SystemExit('no room')"], **more)

    monkeypatch.setattr(subprocess, "Popen", dies)
    preparing.start(PrepareConfig(source="starter", name="mine"), tmp_path)
    assert progress(tmp_path)["message"] == "Preparing mine was interrupted. no room"
    assert running_job(tmp_path) is None


def test_the_process_says_that_it_is_there_before_it_imports_what_takes_long(
    tmp_path: Path, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "slm.data.prepare", None)  # so that importing it fails
    with pytest.raises(ImportError):
        preparing.work(job)
    assert (job / "process.json").exists()


def test_nothing_is_kept_of_what_is_forgotten(tmp_path: Path, job: Path) -> None:
    mine = preparing.save_text("Once.", tmp_path, name="mine")
    other = preparing.save_text("Twice.", tmp_path, name="mine.2")
    preparing.forget("mine", tmp_path)
    assert not job.exists() and not mine.exists() and other.exists()
    assert progress(tmp_path) is None
    preparing.forget("mine", tmp_path)


@pytest.mark.slow
def test_a_preparation_goes_on_by_itself_and_can_be_looked_at(session: Session) -> None:
    assert preparing.progress(session.data) is None
    config = PrepareConfig(source="starter", name="tiny", vocab="512", limit=150, workers=1)
    name = preparing.start(config, session.data)
    wait_for(lambda: preparing.progress(session.data)["stage"] in ("done", "error"))
    assert preparing.progress(session.data)["stage"] == "done", preparing.progress(session.data)
    assert session.manifest(name)["train"]["stories"] <= 150
    with pytest.raises(ValueError, match="already"):
        preparing.start(PrepareConfig(source="starter", name="tiny"), session.data)


def test_a_preparation_that_died_says_so(session: Session) -> None:
    job = session.data / ".jobs" / "gone"
    write_json(job / "job.json", {})
    write_json(job / "progress.json", {"stage": "tokenise", "done": 5, "total": 10, "elapsed_s": 1.0})
    write_json(job / "process.json", {"pid": 2**22 + 1, "start_mark": "never"})
    progress = preparing.progress(session.data)
    assert (progress["stage"], progress["name"]) == ("error", "gone")
    assert "interrupted" in progress["message"]


def test_an_own_text_is_kept_under_a_name_of_ours(session: Session) -> None:
    path = preparing.save_text("Once.\n\nTwice.", session.data, name="mine")
    assert path == session.data / ".uploads" / "mine.txt" and path.read_text() == "Once.\n\nTwice."
    for text, name in (("  ", "mine"), ("x", "../mine")):
        with pytest.raises(ValueError):
            preparing.save_text(text, session.data, name=name)


@pytest.mark.parametrize("why", ["busy", "there"])
def test_what_cannot_begin_leaves_the_text_that_is_read(session: Session, monkeypatch, why: str) -> None:
    kept = preparing.save_text("Once.", session.data, name="mine")
    upload = session.data / "upload.txt"
    upload.write_text("Twice.")
    if why == "busy":
        monkeypatch.setattr("demo.preparing.running_job", lambda data_dir: "mine")
    else:
        write_json(session.data / "mine" / "manifest.json", {})
    for text, file in (("Twice.", None), ("", str(upload))):
        with pytest.raises(ValueError, match="already"):
            data.prepare_config(session, "text", "", text, file, vocab="512", name="mine", limit="")
    assert kept.read_text() == "Once." and [file.name for file in kept.parent.iterdir()] == ["mine.txt"]


BUSY_WITH_ONE_STEP = """
import sys, time
from pathlib import Path
from slm.data import prepare
from slm.files import replacing
from slm.leftovers import claim
from demo import preparing
preparing.CANCEL_GRACE_S = 0.2
def half(config, data_dir):
    with replacing(data_dir / "mine") as part:
        part.mkdir()
        claim(part)
        print("half", flush=True)
        time.sleep(3600)
        yield


prepare.prepare = half
preparing.work(Path(sys.argv[1]))
"""


def test_a_step_that_takes_long_is_cancelled_too(tmp_path: Path) -> None:
    job = tmp_path / ".jobs" / "mine"
    write_json(job / "job.json", {"data_dir": str(tmp_path), "config": {"source": "starter"}})
    process = subprocess.Popen([sys.executable, "-c", BUSY_WITH_ONE_STEP, job], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline() == "half\n"
        preparing.cancel(tmp_path)
        assert process.wait(PATIENCE_S) == 1
    finally:
        process.kill()
    assert preparing.progress(tmp_path) == {"name": "mine", "stage": "error", "message": "preparing was cancelled"}
    assert [path.name for path in tmp_path.iterdir()] == [".jobs"]


def test_a_folder_here_is_named_as_every_process_finds_it(session: Session, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "tales.txt").write_text("Once.")
    monkeypatch.chdir(tmp_path)
    for place, source in (("tales.txt", str(tmp_path / "tales.txt")), ("somebody/tales", "somebody/tales")):
        config = data.prepare_config(session, "other", place, "", None, vocab="512", name="", limit="")
        assert config.source == source
