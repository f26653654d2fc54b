"""Training on a disk that is full: a snapshot may be missing, but what was saved before stays whole."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from slm.runs import read_events, resolve, status
from slm.snapshots import RunStore
from slm.train import train
from tests.training import job
from tests.waiting import PATIENCE_S


@pytest.mark.parametrize("place", ["slm.processes.write_json", "slm.trainer.write_json", "slm.events.open"])
def test_a_disk_that_is_full_at_the_start_is_told_in_one_sentence(starter_data, tmp_path, monkeypatch, place):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(place, full, raising=False)
    told = r"^the disk of .* is full, .* GB are free: run run has not begun; make room, .* SLM_CHECKPOINTS$"
    with pytest.raises(ValueError, match=told):
        list(train(job(starter_data, tmp_path)))


def test_a_folder_that_cannot_be_made_is_told_before_a_training_begins(starter_data, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"^the folder .*below cannot be made \(.*\); choose another folder"):
        list(train(job(starter_data, tmp_path / "file" / "below")))


def test_a_full_disk_costs_one_snapshot_and_no_more(starter_data, tmp_path, monkeypatch):
    import slm.snapshots

    save, calls = slm.snapshots.save, []

    def sometimes_full(*args, **fields):
        calls.append(fields["about"]["step"])
        if calls[-1] == 8:
            raise OSError(28, "No space left on device")
        save(*args, **fields)

    monkeypatch.setattr("slm.snapshots.save", sometimes_full)
    events = list(train(job(starter_data, tmp_path)))
    warning = next(e for e in events if e["kind"] == "warning")
    assert warning["code"] == "save-failed"
    assert "No space left" in warning["message"]
    assert events[-1]["reason"] == "finished"
    assert calls == [4, 8, 12]


def test_a_failed_save_takes_no_room_and_leaves_the_state_before(starter_data, tmp_path, monkeypatch):
    import slm.snapshots

    write = slm.snapshots.save_file

    def full(tensors, path, *args, **fields):
        if "000008" in str(path):
            Path(path).write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        write(tensors, path, *args, **fields)

    monkeypatch.setattr("slm.snapshots.save_file", full)
    seen = []
    for event in train(job(starter_data, tmp_path)):
        if event["kind"] == "warning":
            seen = sorted(p.name for p in (tmp_path / "run").glob("*/*"))
            assert RunStore(tmp_path / "run").load()[2]["step"] == 4
    assert seen == ["000004", "optimizer-000004.safetensors", "state.json"]
    assert event["reason"] == "finished"
    assert resolve(tmp_path / "run").name == "000012"


def test_an_event_log_on_a_full_disk_ends_the_run_with_one_sentence(starter_data, tmp_path, monkeypatch):
    from slm.events import EventLog

    class Full:
        """A file that has room for half of the eleventh line."""

        def __init__(self, file):
            self.file, self.lines = file, 0

        def write(self, line):
            self.lines += 1
            if self.lines == 11:
                return self.file.write(line[: len(line) // 2])
            if self.lines > 11:
                raise OSError(errno.ENOSPC, "No space left on device")
            return self.file.write(line)

        def __getattr__(self, name):
            return getattr(self.file, name)

    begin = EventLog.__init__

    def on_a_full_disk(self, path):
        begin(self, path)
        self._file = Full(self._file)

    with monkeypatch.context() as patch:
        patch.setattr("slm.events.EventLog.__init__", on_a_full_disk)
        with pytest.raises(OSError, match=r"events.jsonl cannot be written \(No space left on device\).*--resume"):
            list(train(job(starter_data, tmp_path)))
    whole = (tmp_path / "run" / "events.jsonl").read_bytes()
    assert whole.endswith(b"\n") and len(read_events(tmp_path / "run")[0]) == whole.count(b"\n") == 10
    monkeypatch.setattr("slm.runs.is_alive", lambda record: False)  # the process of this test lives on
    assert status(tmp_path / "run") == "lost"
    events = list(train(job(starter_data, tmp_path, resume=True)))
    assert events[-1]["reason"] == "finished"


@pytest.fixture
def small_disk(tmp_path: Path):
    """A real disk of 5 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", str(place)], capture_output=True, text=True, check=False
    ) if sys.platform == "linux" else None  # fmt: skip
    if made is None or made.returncode:
        pytest.skip(f"mounting a small disk is not permitted here: {made.stderr.strip() if made else sys.platform}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_fills_up_costs_a_snapshot_and_the_run_goes_on_when_there_is_room(starter_data, small_disk):
    ballast, events = small_disk / "ballast", []
    for event in train(job(starter_data, small_disk, train={"steps": 16})):
        events.append(event)
        if event["kind"] == "checkpoint" and event["step"] == 4:
            free = os.statvfs(small_disk)
            ballast.write_bytes(bytes(free.f_bavail * free.f_bsize - 400_000))  # a snapshot takes more
        if event["kind"] == "warning":
            assert RunStore(small_disk / "run").load()[2]["step"] == 4
        if event["kind"] == "sample" and event["step"] == 12:
            ballast.unlink()
    warnings = [(e["step"], e["code"]) for e in events if e["kind"] == "warning"]
    assert warnings == [(8, "save-failed")]
    assert "No space left on device" in next(e["message"] for e in events if e["kind"] == "warning")
    assert [e["step"] for e in events if e["kind"] == "checkpoint"] == [4, 12, 16]
    assert events[-1]["reason"] == "finished"


def test_a_disk_that_stays_full_ends_the_run_with_an_error_and_the_old_snapshot(starter_data, small_disk):
    with pytest.raises(OSError, match=r"could not be saved \(No space left on device.*snapshots before are whole"):
        for event in train(job(starter_data, small_disk)):
            if event["kind"] == "checkpoint" and event["step"] == 4:
                free = os.statvfs(small_disk)
                (small_disk / "ballast").write_bytes(bytes(free.f_bavail * free.f_bsize - 400_000))
    end = read_events(small_disk / "run")[0][-1]
    assert (end["kind"], end["reason"]) == ("end", "error")
    assert "No space left" in end["message"]
    assert resolve(small_disk / "run").name == "000004"
    (small_disk / "ballast").unlink()
    assert list(train(job(starter_data, small_disk, resume=True)))[-1]["reason"] == "finished"


def test_a_disk_without_room_for_an_event_ends_the_process_with_one_sentence(starter_data, small_disk):
    words = [sys.executable, "-m", "slm", "train", "--run", "a", "--data", "starter", "--preset", "golden",
             "--steps", "100000", "--threads", "1", "--checkpoints", str(small_disk), "--data-dir", str(starter_data),
             "--eval-interval", "100000"]  # fmt: skip
    child = subprocess.Popen(
        words, cwd=Path(__file__).parent.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        for line in child.stdout:
            if "parameters on" in line:
                break
        with open(small_disk / "ballast", "wb", buffering=0) as ballast:
            while ballast.write(bytes(65536)) == 65536:
                pass
            err = child.communicate(timeout=PATIENCE_S)[1]
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 1
    assert "Traceback" not in err and "Exception" not in err
    assert err.strip().splitlines()[-1].startswith("slm: ") and "No space left on device" in err
    assert (small_disk / "a" / "events.jsonl").read_bytes().endswith(b"\n")
    assert status(small_disk / "a") in ("lost", "error")
