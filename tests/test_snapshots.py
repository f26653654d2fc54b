"""Saving: whole or not at all, whatever happens in between."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from slm.runs import find_snapshots, read_events, read_json, resolve, status
from slm.snapshots import RunStore, is_log_spaced, steps_to_keep
from slm.train import train
from tests.training import STEPS, job, losses, weights
from tests.waiting import PATIENCE_S


def test_snapshots_stay_log_spaced_with_the_best_and_the_newest():
    kept: set[int] = set()
    for step in range(10, 2000, 10):
        best = 500 if step >= 500 else 10
        kept = steps_to_keep([*kept, step], best=best)
        assert {step, best} <= kept
    steps = sorted(kept - {500, 1990})
    assert all(1.5 <= b / a < 2.1 for a, b in itertools.pairwise(steps))
    assert is_log_spaced(30, [20])
    assert not is_log_spaced(25, [20])


def test_a_kill_between_snapshot_and_state_goes_on_from_the_older_whole_one(starter_data, tmp_path, monkeypatch):
    first = job(starter_data, tmp_path)
    import slm.snapshots

    write = slm.snapshots.write_json

    def die(path, value):
        if Path(path).name == "state.json" and value["step"] == 8:
            raise KeyboardInterrupt
        write(path, value)

    monkeypatch.setattr("slm.snapshots.write_json", die)
    with pytest.raises(KeyboardInterrupt):
        list(train(first))
    monkeypatch.undo()
    assert (first.run_dir / "snapshots" / "000008").is_dir()
    events = list(train(replace(first, resume=True)))
    assert events[0]["resumed_from_step"] == 4
    assert max(losses(first.run_dir)) == STEPS


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


class Killed(BaseException):
    """Stands for a kill: nothing catches it, and the disk stays as it is at that moment."""


def moments(monkeypatch, number: int) -> list[str]:
    """Make the `number`th rename or removal of a save die half-way; the list gets the name of each."""
    names: list[str] = []
    rename, rmtree = os.replace, shutil.rmtree

    def count(name: str) -> None:
        names.append(name)
        if len(names) == number:
            raise Killed

    def dying_rename(source, target):
        count(f"rename {Path(target).name}")
        rename(source, target)

    def dying_rmtree(path, *args, **fields):
        if Path(path).is_dir():
            first = next(Path(path).rglob("*.safetensors"), None)
            if len(names) + 1 == number and first:
                first.unlink()  # half-removed
        count(f"remove {Path(path).name}")
        rmtree(path, *args, **fields)

    monkeypatch.setattr("os.replace", dying_rename)
    monkeypatch.setattr("shutil.rmtree", dying_rmtree)
    # A killed process runs no `finally`.
    monkeypatch.setattr("slm.files.remove", lambda path: path.exists() and path.is_dir() and dying_rmtree(path))
    return names


@pytest.mark.slow
def test_a_kill_at_every_moment_of_every_save_goes_on_to_the_same_weights(starter_data, tmp_path, monkeypatch):
    """Each rename and removal of a whole run is the last one in turn."""
    often = {"steps": 5, "eval_interval": 1, "eval_windows": 1, "sample_tokens": 1, "dtype": "float32"}
    whole = job(starter_data, tmp_path / "whole", train=often)
    with monkeypatch.context() as patch:
        names = moments(patch, 0)
        list(train(whole))
    wanted, total = weights(whole.run_dir), len(names)
    assert total > 30 and any(name.startswith("remove ") for name in names)
    for number in range(1, total + 1):
        killed = job(starter_data, tmp_path / f"killed-{number}", train=often)
        with monkeypatch.context() as patch:
            moments(patch, number)
            with pytest.raises(Killed):
                list(train(killed))
        if not (killed.run_dir / "run.json").exists():
            continue  # nothing had begun
        for snapshot in find_snapshots(killed.run_dir):
            assert {"model.safetensors", "slm.json"} <= {p.name for p in snapshot.iterdir()}  # listed, so whole
        list(train(replace(killed, resume=True)))
        assert status(killed.run_dir) == "finished"
        assert losses(killed.run_dir) == losses(whole.run_dir)
        ours = weights(killed.run_dir)
        assert all(torch.equal(ours[name], wanted[name]) for name in wanted), names[number - 1]
        assert read_json(killed.run_dir / "best.json") == read_json(whole.run_dir / "best.json")
        assert [p.name for p in find_snapshots(killed.run_dir)] == [p.name for p in find_snapshots(whole.run_dir)]
        left = [p for p in killed.run_dir.rglob(".*") if p.suffix in (".part", ".old")]
        assert left == []


def test_a_state_that_was_whole_and_is_damaged_is_told_and_nothing_is_removed(starter_data, tmp_path):
    done = job(starter_data, tmp_path)
    list(train(done))
    before = sorted(done.run_dir.rglob("*"))
    state, optimizer = done.run_dir / "resume" / "state.json", next((done.run_dir / "resume").glob("*.safetensors"))
    for file, content in ((state, b"{}"), (optimizer, b"torn"), (state, None)):
        kept = file.read_bytes()
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)
        with pytest.raises(ValueError, match=r"is damaged.*a new run"):
            RunStore(done.run_dir).load()
        file.write_bytes(kept)
    assert sorted(done.run_dir.rglob("*")) == before
    assert RunStore(done.run_dir).load()[2]["step"] == STEPS


def test_who_is_not_the_first_process_reads_and_changes_nothing(starter_data, tmp_path):
    done = job(starter_data, tmp_path)
    list(train(done))
    leftover = done.run_dir / "resume" / ".state.json.1234.part"
    leftover.write_text("{")
    (done.run_dir / "last.json").unlink()
    before = sorted(done.run_dir.rglob("*"))
    assert RunStore(done.run_dir).load(tidy=False)[2]["step"] == STEPS
    assert sorted(done.run_dir.rglob("*")) == before
    assert RunStore(done.run_dir).load()[2]["step"] == STEPS
    assert not leftover.exists() and (done.run_dir / "last.json").exists()


def held_by_a_reader(monkeypatch, *, refusals: int) -> list[Path]:
    """Each move of a snapshot out of the way is refused so often, as Windows does; the moves asked for."""
    replace_file, asked = os.replace, []

    def refuse(source, target):
        if Path(target).suffix == ".old":
            asked.append(Path(source))
            if asked.count(Path(source)) <= refusals:
                raise PermissionError(13, "somebody reads it", str(source))
        replace_file(source, target)

    monkeypatch.setattr("os.replace", refuse)
    monkeypatch.setattr("slm.files.time.sleep", lambda pause_s: None)
    return asked


@pytest.mark.parametrize(("refusals", "left"), [(2, [1, 2, 3, 5, 8, 12]), (10**6, list(range(1, STEPS + 1)))])
def test_an_old_snapshot_that_somebody_reads_does_not_fail_the_new_one(
    starter_data, tmp_path, monkeypatch, refusals, left
):
    asked = held_by_a_reader(monkeypatch, refusals=refusals)
    events = list(train(job(starter_data, tmp_path, train={"eval_interval": 1, "eval_windows": 1})))
    assert asked
    assert events[-1]["reason"] == "finished" and not any(e["kind"] == "warning" for e in events)
    assert [e["step"] for e in events if e["kind"] == "checkpoint"] == list(range(1, STEPS + 1))
    best = read_json(tmp_path / "run" / "best.json")["step"]
    assert RunStore(tmp_path / "run").steps() == sorted({*left, best})


def test_a_stop_right_after_a_save_does_not_put_the_snapshot_at_risk(starter_data, tmp_path, monkeypatch):
    """The same step saved twice: its weights stay where they are, only what is said of them is new."""
    first = job(starter_data, tmp_path)
    list(train(first))
    weights_file = first.run_dir / "snapshots" / f"{STEPS:06d}" / "model.safetensors"
    before = os.stat(weights_file)
    list(train(replace(first, resume=True)))
    after = os.stat(weights_file)
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


# --- a full disk -----------------------------------------------------------------------------------------------------


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
