"""The report card made from the page: a process of its own, whose progress any page reads."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import reporting
from demo.session import Session
from slm.report import read_report
from slm.runs import Busy, read_json, record_process, write_json
from tests.waiting import wait_for

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "model"


@pytest.fixture
def session(tmp_path: Path, starter_data: Path) -> Session:
    """The golden model as a bundled one that learnt from the small data set."""
    folder = Path(shutil.copytree(GOLDEN, tmp_path / "checkpoints" / "golden"))
    manifest = read_json(starter_data / "starter" / "manifest.json")
    data = {"name": "starter", "source": "starter", "fingerprint": manifest["fingerprint"]}
    write_json(folder / "slm.json", {**read_json(folder / "slm.json"), "data": data})
    return Session(tmp_path / "checkpoints", starter_data)


@pytest.mark.slow
def test_the_card_is_made_in_a_process_and_lies_beside_the_model(session: Session, monkeypatch) -> None:
    assert reporting.progress(session, "golden") is None and reporting.report(session, "golden") is None
    reporting.start(session, "golden")
    assert reporting.running_job(session) == "golden"
    with pytest.raises(Busy, match="'golden' is being made already"):
        reporting.start(session, "golden")
    stages: set[str] = set()

    def is_over() -> bool:
        stands = reporting.progress(session, "golden")
        if stands is not None:
            assert stands["stage"] != "error", stands
            stages.add(stands["stage"])
        return stands is None

    wait_for(is_over)
    assert stages & {"loss", "write", "training stories", "copies"}
    report = reporting.report(session, "golden")
    assert report is not None and report == read_report(session.checkpoints / "golden")
    assert [run.name for run in session.runs()] == ["golden"]


def test_the_losses_come_first_then_stories(session: Session) -> None:
    pieces = reporting.make(session.checkpoints / "golden", session.data / "starter")
    stages = list(itertools.takewhile(lambda stage: stage != "write", (piece["stage"] for piece in pieces)))
    assert stages and set(stages) == {"loss"}


def test_progress_is_written_as_it_comes(tmp_path: Path, monkeypatch) -> None:
    told = [{"stage": stage, "done": 1, "total": 2} for stage in ("loss", "write", "done")]
    written: list[dict] = []

    def make(folder: Path, data: Path) -> Iterator[dict]:
        for piece in told:
            yield piece
            written.append(read_json(tmp_path / "progress.json"))

    monkeypatch.setattr(reporting, "make", make)
    monkeypatch.setattr(reporting, "WRITE_INTERVAL_S", -1.0)
    write_json(tmp_path / "job.json", {"folder": "", "data": ""})
    reporting.work(tmp_path)
    assert written == told


def test_stories_that_are_not_here_are_told(session: Session, tmp_path: Path) -> None:
    empty = Session(session.checkpoints, tmp_path / "none")
    with pytest.raises(ValueError, match="are not on this computer"):
        reporting.start(empty, "golden")
    with pytest.raises(ValueError, match="there is no run or model 'absent'"):
        reporting.start(session, "absent")


def test_an_interrupted_process_is_told_with_its_last_words(session: Session) -> None:
    job = session.checkpoints / ".reports" / "golden"
    job.mkdir(parents=True)
    write_json(job / "job.json", {"folder": "nowhere", "data": "nowhere"})
    write_json(job / "progress.json", {"stage": "write", "done": 1, "total": 3})
    (job / "log.txt").write_text("one\nKilled\n")
    stands = reporting.progress(session, "golden")
    assert stands == {"stage": "error", "message": "The report card was interrupted. Killed"}
    record_process(job)  # alive: this very process
    assert reporting.progress(session, "golden") == {"stage": "write", "done": 1, "total": 3}


def test_a_mistake_of_the_work_is_its_message(session: Session, tmp_path: Path) -> None:
    job = tmp_path / "job"
    job.mkdir()
    write_json(job / "job.json", {"folder": tmp_path / "nothing", "data": tmp_path / "nothing"})
    reporting.work(job)
    assert read_json(job / "progress.json")["stage"] == "error"
    assert "no prepared data set" in read_json(job / "progress.json")["message"]
