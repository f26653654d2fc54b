"""Runs as their folders tell them: the status, and the list with its losses."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

import slm.digest
from slm import runs
from slm.events import EVENTS_FILE, after_resume, read_events
from slm.housekeeping import delete_run
from slm.processes import PROCESS_FILE
from tests.children import end, working_on
from tests.run_folders import make_checkpoint, make_run, write_events
from tests.waiting import wait_for

# --- status ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["finished", "stopped", "diverged", "error"])
def test_an_end_gives_its_reason_even_while_the_process_lives(tmp_path, reason):
    runs.record_process(tmp_path)
    write_events(tmp_path, ("start", 0, {}), ("end", 1, {"reason": reason, "message": ""}))
    assert runs.status(tmp_path) == reason


def test_running_then_killed_is_lost_as_a_zombie_and_when_reaped(tmp_path):
    child = working_on(tmp_path)
    try:
        write_events(tmp_path, ("start", 0, {}), ("train", 1, {"loss": 1.0}))
        assert runs.status(tmp_path) == "running" and runs.process_alive(tmp_path)
        os.kill(child.pid, signal.SIGKILL)
        wait_for(lambda: not runs.process_alive(tmp_path))
        if sys.platform == "linux":
            assert ") Z " in Path(f"/proc/{child.pid}/stat").read_text()
        assert runs.status(tmp_path) == "lost"
    finally:
        end(child)
    assert runs.status(tmp_path) == "lost"


def test_another_process_with_the_same_pid_is_not_the_run(tmp_path):
    record = runs.record_process(tmp_path)
    write_events(tmp_path, ("start", 0, {}))
    assert runs.status(tmp_path) == "running"
    runs.write_json(tmp_path / PROCESS_FILE, {**record, "start_mark": "1 ticks after boot long-ago"})
    assert runs.status(tmp_path) == "lost"


@pytest.mark.parametrize("record", ["{torn", "[]", "{}", '{"pid": "7"}', '{"pid": -1, "start_mark": null}'])
def test_a_damaged_process_file_is_a_dead_process(tmp_path, record):
    (tmp_path / PROCESS_FILE).write_text(record)
    assert runs.status(tmp_path) == "lost"


def test_a_resumed_run_is_running_before_its_first_event(tmp_path):
    write_events(tmp_path, ("start", 0, {}), ("end", 5, {"reason": "stopped", "message": ""}))
    assert runs.status(tmp_path) == "stopped"
    time.sleep(0.01)
    child = working_on(tmp_path)
    try:
        assert runs.status(tmp_path) == "running"
    finally:
        end(child)
    assert runs.status(tmp_path) == "stopped"


def test_a_resumed_and_killed_run_is_lost_whatever_its_first_end_was(tmp_path):
    finished = ("end", 5, {"reason": "finished", "message": ""})
    write_events(tmp_path, ("start", 0, {}), finished, ("start", 5, {"resumed_from_step": 5}))
    assert runs.status(tmp_path) == "lost"


def test_status_of_other_folders(tmp_path):
    assert runs.status(make_checkpoint(tmp_path / "model")) == "bundled"
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="is no run"):
        runs.status(tmp_path / "empty")


# --- summaries -------------------------------------------------------------------------------------------------------


def test_a_summary_tells_what_the_run_wrote(tmp_path):
    run = make_run(tmp_path / "run", [10])
    runs.write_json(
        run / "run.json", {"preset": "micro", "data": {"name": "stories"}, "created": 5.0, "train": {"minutes": 3}}
    )
    assert runs.summarize(run).budget == {"minutes": 3}
    write_events(
        run,
        ("start", 0, {"n_params": 7, "device": "cpu", "max_steps": 40, "budget_s": None}),
        ("train", 9, {"loss": 3.0, "tokens": 90, "elapsed_s": 1.5, "tok_per_s": 60.0}),
        ("eval", 10, {"val_loss": 2.0, "val_bpb": 0.9, "train_loss": 3.0}),
        ("train", 19, {"loss": 2.5, "tokens": 190, "elapsed_s": 3.0, "tok_per_s": 61.0}),
        ("eval", 20, {"val_loss": 2.2, "val_bpb": 0.99, "train_loss": 2.5}),
        ("end", 20, {"reason": "stopped", "message": "asked"}),
    )
    found = runs.summarize(run)
    expected = {
        "name": "run", "path": run, "status": "stopped", "preset": "micro", "data": "stories", "created": 5.0,
        "device": "cpu", "n_params": 7, "budget": {"steps": 40}, "step": 20, "tokens": 190, "elapsed_s": 3.0,
        "tok_per_s": 61.0, "train_loss": 2.5, "val_loss": 2.0, "val_bpb": 0.9, "best_step": 10, "message": "asked",
        "snapshots": 1,
    }  # fmt: skip
    assert {key: getattr(found, key) for key in expected} == expected
    assert found.size_mb == pytest.approx(sum(p.stat().st_size for p in run.rglob("*") if p.is_file()) / 1e6)
    json.dumps(dataclasses.asdict(found), default=str)


def test_a_bundled_model_counts_the_trainings_before_it(tmp_path):
    model = make_checkpoint(tmp_path / "model")
    last = {"step": 9, "tokens": 500, "elapsed_s": 60.5}
    before = [{"step": 5, "tokens": 300, "elapsed_s": 30.0}, {"step": 3, "tokens": None}]
    for about, tokens, seconds in (({**last, "begun_from": before}, 800, 90.5), (last, 500, 60.5), ({}, None, None)):
        runs.write_json(model / "slm.json", about)
        found = runs.summarize(model)
        assert (found.tokens, found.elapsed_s, found.step) == (tokens, seconds, about.get("step", 0))


def test_a_resumed_run_forgets_evaluations_it_did_not_keep(tmp_path):
    run = make_run(tmp_path / "run", [])
    write_events(
        run, ("start", 0, {}), ("eval", 10, {"val_loss": 2.0}), ("eval", 20, {"val_loss": 1.0}),
        ("start", 10, {"resumed_from_step": 10, "budget_s": 120}),
    )  # fmt: skip
    found = runs.summarize(run)
    assert (found.val_loss, found.best_step, found.step, found.budget) == (2.0, 10, 10, {"minutes": 2})


def test_summaries_read_only_what_is_new_and_agree_with_reading_all(tmp_path, monkeypatch):
    run = make_run(tmp_path / "run", [])
    offsets = []
    read_lines = slm.digest.read_lines
    monkeypatch.setattr(
        slm.digest, "read_lines", lambda path, offset: offsets.append(offset) or read_lines(path, offset)
    )
    rng, sizes = random.Random(3), [0]
    for step in range(60):
        kind = rng.choice(["train", "train", "train", "eval", "sample", "start", "end"])
        fields = {
            "train": {"loss": rng.random(), "tokens": step},
            "eval": {"val_loss": rng.random()},
            "sample": {"text": "x"},
            "start": {"resumed_from_step": step // 2},
            "end": {"reason": "stopped", "message": ""},
        }
        write_events(run, (kind, step, fields[kind]))
        sizes.append((run / EVENTS_FILE).stat().st_size)
        slow_way = after_resume(read_events(run)[0])
        found = runs.summarize(run)
        assert runs.summarize(run) == found
        assert found.step == step
        assert found.train_loss == next(
            (e["loss"] for e in reversed(read_events(run)[0]) if e["kind"] == "train"), None
        )
        losses = [e["val_loss"] for e in slow_way if e["kind"] == "eval"]
        assert found.val_loss == min(losses, default=None)
    assert offsets == sizes[:-1]


def test_a_run_begun_anew_under_the_same_name_is_read_anew(tmp_path):
    run = make_run(tmp_path / "run", [])
    write_events(run, ("start", 0, {}), ("eval", 5, {"val_loss": 1.0}))
    assert runs.summarize(run).val_loss == 1.0
    delete_run(run, checkpoints=tmp_path)
    make_run(tmp_path / "run", [])
    assert runs.summarize(run).val_loss is None
    write_events(run, ("start", 0, {}), ("eval", 5, {"val_loss": 3.0}), ("eval", 6, {"val_loss": 4.0}))
    assert runs.summarize(run).val_loss == 3.0


# --- the list ---------------------------------------------------------------------------------------------------------


def test_the_list_has_the_newest_first_and_bundled_models_last(tmp_path):
    for name, created in (("old", 1.0), ("new", 3.0), ("middle", 2.0)):
        make_run(tmp_path / name, [])
        runs.write_json(tmp_path / name / "run.json", {"created": created})
    runs.write_json(
        make_checkpoint(tmp_path / "a-model") / "slm.json", {"step": 9, "val_loss": 1.5, "data": {"name": "d"}}
    )
    make_checkpoint(tmp_path / "b-model")
    (tmp_path / "b-model" / "slm.json").write_text("{torn")
    (tmp_path / "unrelated").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "file").touch()
    found = runs.list_runs(tmp_path)
    assert [(s.name, s.status) for s in found] == [
        ("new", "lost"), ("middle", "lost"), ("old", "lost"), ("a-model", "bundled"), ("b-model", "bundled"),
    ]  # fmt: skip
    assert (found[3].step, found[3].val_loss, found[3].data) == (9, 1.5, "d")
    assert runs.list_runs(tmp_path / "absent") == []


def test_a_run_that_is_deleted_during_the_look_is_not_in_the_list(tmp_path, monkeypatch):
    for name in ("a", "b"):
        runs.write_json(tmp_path / name / "run.json", {})
    seen = runs.is_run

    def deleted_right_after(folder):
        there = seen(folder)
        if folder.name == "a":
            shutil.rmtree(folder, ignore_errors=True)
        return there

    monkeypatch.setattr(runs, "is_run", deleted_right_after)
    assert [s.name for s in runs.list_runs(tmp_path)] == ["b"]


def test_a_damaged_run_that_is_there_is_not_passed_over_in_silence(tmp_path, monkeypatch):
    runs.write_json(tmp_path / "a" / "run.json", {})

    def broken(run_dir):
        raise ValueError("broken")

    monkeypatch.setattr(runs, "summarize", broken)
    with pytest.raises(ValueError, match="broken"):
        runs.list_runs(tmp_path)


def test_a_folder_whose_name_no_run_can_have_is_passed_over(tmp_path: Path) -> None:
    for name in ("good", "<img src=x onerror=alert(1)>", "a b", "x" * 65):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "run.json").write_text(json.dumps({"name": name, "created": 1.0}))
    assert [run.name for run in runs.list_runs(tmp_path)] == ["good"]
