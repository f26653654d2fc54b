"""Training handed from stretch to stretch: the same run as one that is never interrupted."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from slm.leases import train_in_leases, train_stretch
from slm.runs import find_snapshots, is_run, read_events, request_finish, request_stop, status, training_holder, worker
from slm.train import train
from tests.training import STEPS, job, losses, weights

MOMENT_S = 1e-9  # a lease that is over after one update


@pytest.fixture
def gpu(monkeypatch):
    """The stand-in for spaces.GPU."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "standins"))
    sys.modules.pop("spaces", None)
    yield importlib.import_module("spaces").GPU
    sys.modules.pop("spaces", None)


def kinds(run_dir: Path, *wanted: str) -> list[tuple[str, int]]:
    return [(e["kind"], e["step"]) for e in read_events(run_dir)[0] if e["kind"] in wanted]


def same_weights(one: Path, other: Path) -> bool:
    first, second = weights(one), weights(other)
    return all(torch.equal(first[name], second[name]) for name in first)


def test_one_update_a_lease_is_the_same_run(starter_data, tmp_path):
    whole, parts = job(starter_data, tmp_path / "a"), job(starter_data, tmp_path / "b", lease_s=MOMENT_S)
    list(train(whole))
    seen = []

    def stretch(each):
        seen.append((status(each.run_dir), worker(each.run_dir)["pid"], training_holder(each.checkpoints)["run"]))
        return train_stretch(each)

    train_in_leases(parts, stretch)
    assert seen == [("running", os.getpid(), "run")] * STEPS
    assert losses(parts.run_dir) == losses(whole.run_dir)
    assert same_weights(parts.run_dir, whole.run_dir)
    for wanted in (("start", "eval", "sample", "warning", "end"), ("train",)):
        assert kinds(parts.run_dir, *wanted) == kinds(whole.run_dir, *wanted)
    assert status(parts.run_dir) == "finished" and training_holder(parts.checkpoints) is None
    assert len(find_snapshots(parts.run_dir)) < STEPS


def test_stretches_in_processes_of_their_own_share_the_folder_alone(starter_data, tmp_path, gpu):
    few = {"steps": 3, "eval_interval": 2}
    whole = job(starter_data, tmp_path / "a", train=few)
    parts = job(starter_data, tmp_path / "b", train=few, lease_s=MOMENT_S)
    list(train(whole))
    train_in_leases(parts, gpu(duration=60)(train_stretch))
    assert losses(parts.run_dir) == losses(whole.run_dir) and len(losses(whole.run_dir)) == 3
    assert same_weights(parts.run_dir, whole.run_dir)
    assert kinds(parts.run_dir, "start", "end") == [("start", 0), ("end", 3)]


def test_a_quick_end_that_is_asked_for_takes_no_longer(starter_data, tmp_path):
    plans = []
    for lease_s in (None, MOMENT_S):
        this = job(starter_data, tmp_path / f"{lease_s}", train={"steps": 400, "eval_interval": 100}, lease_s=lease_s)

        def stretch(each):
            for event in train(each):
                if event["kind"] == "train" and event["step"] == 20:
                    request_finish(each.run_dir)
            return event

        stretch(this) if lease_s is None else train_in_leases(this, stretch)
        rates = [e["lr"] for e in read_events(this.run_dir)[0] if e["kind"] == "train"]
        plans.append((rates, [e["last_step"] for e in read_events(this.run_dir)[0] if e.get("code") == "finishing"]))
    assert plans[0] == plans[1]
    assert plans[0][1] == [22] and len(plans[0][0]) == 22


def test_a_stop_between_two_leases_is_heard(starter_data, tmp_path):
    parts = job(starter_data, tmp_path, lease_s=MOMENT_S)

    def stretch(each):
        last = train_stretch(each)
        if last["step"] == 5:
            request_stop(each.run_dir)
        return last

    train_in_leases(parts, stretch)
    assert status(parts.run_dir) == "stopped" and max(losses(parts.run_dir)) == 5


def test_hardware_taken_away_ends_the_run_and_resume_goes_on(starter_data, tmp_path):
    whole, parts = job(starter_data, tmp_path / "a"), job(starter_data, tmp_path / "b", lease_s=MOMENT_S)
    list(train(whole))

    def broken(each):
        events = train(each)
        for event in events:
            if event["kind"] == "train" and event["step"] == 6:
                events.close()
                raise RuntimeError("GPU task aborted")
        return event

    with pytest.raises(RuntimeError, match="aborted"):
        train_in_leases(parts, broken)
    end = read_events(parts.run_dir)[0][-1]
    assert (end["kind"], end["reason"]) == ("end", "error") and "taken away (GPU task aborted)" in end["message"]
    train_in_leases(replace(parts, resume=True), train_stretch)
    assert losses(parts.run_dir) == losses(whole.run_dir) and same_weights(parts.run_dir, whole.run_dir)
    assert status(parts.run_dir) == "finished"


def test_a_job_that_cannot_run_leaves_nothing(starter_data, tmp_path):
    wrong = job(starter_data, tmp_path, lease_s=MOMENT_S)
    wrong = replace(wrong, model=replace(wrong.model, vocab_size=17))
    with pytest.raises(ValueError, match="must be the same"):
        train_in_leases(wrong, train_stretch)
    assert not is_run(wrong.run_dir) and not wrong.run_dir.exists()
