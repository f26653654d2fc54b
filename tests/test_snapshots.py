"""Saving: whole or not at all, whatever happens in between."""

from __future__ import annotations

import itertools
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from slm.runs import find_snapshots, read_json, status
from slm.snapshots import RunStore, is_log_spaced, steps_to_keep
from slm.train import train
from tests.training import STEPS, job, losses, weights


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


@pytest.mark.parametrize("content", ["{torn", "[]", '{"step": 4}', '{"snapshot": 7, "step": 4, "val_loss": 1.0}'])
def test_a_damaged_pointer_to_the_best_snapshot_is_written_anew(starter_data, tmp_path, content):
    done = job(starter_data, tmp_path)
    list(train(done))
    best = done.run_dir / "best.json"
    best.write_text(content)
    assert RunStore(done.run_dir).best() is None
    list(train(replace(done, resume=True)))
    assert read_json(best)["snapshot"] == f"snapshots/{STEPS:06d}"


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
