"""Deleting a data set: it goes with its text, and stays while something reads or makes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo import datasets, preparing
from demo.datasets import delete_dataset
from demo.session import Session
from slm.data.prepare import list_datasets
from slm.runs import record_process, write_json


@pytest.fixture
def session(tmp_path: Path) -> Session:
    session = Session(tmp_path / "checkpoints", tmp_path / "data")
    for name in ("mine", "theirs"):
        write_json(session.data / name / "manifest.json", {"name": name, "fingerprint": name})
    return session


def test_a_data_set_goes_with_the_text_that_it_was_made_from(session: Session) -> None:
    text = preparing.save_text("Once.", session.data, name="mine")
    delete_dataset(session, "mine")
    assert [m["name"] for m in list_datasets(session.data)] == ["theirs"] and not text.exists()
    assert sorted(path.name for path in session.data.iterdir()) == [".uploads", "theirs"]


@pytest.mark.parametrize("name", [None, "", "..", "gone", "../data/mine"])
def test_what_is_no_data_set_is_not_deleted(session: Session, name: str | None) -> None:
    with pytest.raises(ValueError):
        delete_dataset(session, name)
    assert len(list_datasets(session.data)) == 2


def test_a_data_set_somewhere_else_stays(session: Session, tmp_path: Path) -> None:
    write_json(tmp_path / "elsewhere/manifest.json", {"name": "linked", "fingerprint": "x"})
    (session.data / "linked").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="lies somewhere else"):
        delete_dataset(session, "linked")
    assert (tmp_path / "elsewhere/manifest.json").exists()


def test_what_a_training_reads_stays(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    run = session.checkpoints / "learner"
    record_process(run)
    monkeypatch.setattr(datasets, "training_holder", lambda checkpoints: {"run": "learner", "pid": 1})
    with pytest.raises(ValueError, match="learner is learning from theirs now; stop it first"):
        delete_dataset(session, "theirs")  # it does not say yet what it reads
    write_json(run / "run.json", {"data": {"name": "mine"}})
    with pytest.raises(ValueError, match="learner is learning from mine now; stop it first"):
        delete_dataset(session, "mine")
    delete_dataset(session, "theirs")
    assert [m["name"] for m in list_datasets(session.data)] == ["mine"]


def test_what_is_being_made_stays(session: Session) -> None:
    job = session.data / ".jobs" / "mine"
    write_json(job / "job.json", {})
    with pytest.raises(ValueError, match="is being prepared"):
        delete_dataset(session, "mine")
