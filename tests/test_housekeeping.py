"""What may be deleted or renamed."""

from __future__ import annotations

import os
import time

import pytest

from slm import cli, launch, runs
from slm.housekeeping import delete_run, rename_run
from slm.processes import PROCESS_FILE
from tests.run_folders import make_checkpoint, make_run


def test_a_run_is_deleted_whole(tmp_path):
    make_run(tmp_path / "keep", [1])
    make_run(tmp_path / "gone", [1, 2])
    delete_run(tmp_path / "gone", checkpoints=tmp_path)
    assert os.listdir(tmp_path) == ["keep"]


def test_what_is_bundled_running_or_elsewhere_stays(tmp_path):
    places = tmp_path / "checkpoints"
    make_checkpoint(places / "bundled")
    make_run(tmp_path / "elsewhere", [1])
    make_run(places / "deep" / "run", [1])
    (places / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    runs.record_process(make_run(places / "busy", [1]))
    before = sorted(tmp_path.rglob("*"))
    for folder, words in {
        places / "bundled": "bundled", tmp_path / "elsewhere": "no run of", places / "deep" / "run": "no run of",
        places / "link": "no run of", places / "busy": "is training", places / "absent": "no run of",
        places / ".." / "elsewhere": "no run of", places / "deep" / "..": "name", places: "no run of",
    }.items():  # fmt: skip
        with pytest.raises(ValueError, match=words):
            delete_run(folder, checkpoints=places)
        with pytest.raises(ValueError, match=words):
            rename_run(folder, "new", checkpoints=places)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_that_another_machine_may_be_at_work_on_stays_until_it_is_silent(tmp_path):
    run = make_run(tmp_path / "run", [1])
    record = {**runs.record_process(run), "host": "another-machine"}
    runs.write_json(run / PROCESS_FILE, {**record, "start_mark": "of a process there"})
    for change in (delete_run, lambda run, **places: rename_run(run, "other", **places)):
        with pytest.raises(ValueError, match=r"was at work on another-machine .*; stop it there, or wait until"):
            change(run, checkpoints=tmp_path)
    with pytest.raises(ValueError, match="another-machine"):
        launch.resume(run)
    assert cli.main(["train", "--run", "run", "--resume", "--checkpoints", str(tmp_path)]) == 2
    long_ago = time.time() - runs.SILENT_S - 1
    for file in run.iterdir():
        os.utime(file, (long_ago, long_ago))
    delete_run(run, checkpoints=tmp_path)
    assert not run.exists()


def test_a_run_gets_another_name_unless_it_is_taken(tmp_path):
    make_run(tmp_path / "a", [1])
    make_run(tmp_path / "b", [2])
    for name in ("b", "../c", "a"):
        with pytest.raises(ValueError, match=r"name|already"):
            rename_run(tmp_path / "a", name, checkpoints=tmp_path)
    assert rename_run(tmp_path / "a", "c", checkpoints=tmp_path) == tmp_path / "c"
    assert sorted(os.listdir(tmp_path)) == ["b", "c"]
