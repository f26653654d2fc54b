"""Training: the same steps however it is interrupted, and a folder that is whole at every moment."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import slm
from slm.generate import LanguageModel
from slm.runs import find_snapshots, read_events, request_stop, status
from slm.train import train
from tests.training import STEPS, job, losses, spoiled, weights
from tests.waiting import PATIENCE_S

RECIPE = {
    "adamw": {"optimizer": "adamw", "dtype": "bfloat16"},
    "muon": {"optimizer": "muon", "batch_size": 3, "grad_accum_steps": 2},
}


def test_a_run_tells_everything_and_leaves_models_that_load(starter_data, tmp_path):
    events = list(train(job(starter_data, tmp_path)))
    run_dir = tmp_path / "run"
    assert events == read_events(run_dir)[0]
    kinds = [e["kind"] for e in events]
    assert kinds[0] == "start"
    assert kinds[-1] == "end"
    assert kinds.count("train") == STEPS
    assert kinds.count("eval") == kinds.count("sample") == 3
    assert events[-1]["reason"] == "finished"
    assert status(run_dir) == "finished"
    first, last = (e for e in events if e["kind"] == "train" and e["step"] in (1, STEPS))
    assert last["loss"] < first["loss"]
    assert last["lr"] < first["lr"] * 3
    assert last["tokens"] == STEPS * 5 * 31
    assert slm.load(run_dir).generate("Once", max_new_tokens=5, seed=1).startswith("Once")
    about = json.loads((find_snapshots(run_dir)[-1] / "slm.json").read_text())
    assert about["step"] == STEPS
    assert about["val_loss"] == next(e["val_loss"] for e in reversed(events) if e["kind"] == "eval")


@pytest.mark.parametrize("kind", RECIPE)
def test_a_stopped_and_resumed_run_takes_the_very_same_steps(starter_data, tmp_path, kind):
    whole = job(starter_data, tmp_path / "whole", train=RECIPE[kind])
    list(train(whole))
    parts = job(starter_data, tmp_path / "parts", train=RECIPE[kind])
    for event in train(parts):
        if event["kind"] == "train" and event["step"] == 6:
            request_stop(parts.run_dir)
    assert status(parts.run_dir) == "stopped"
    events = list(train(replace(parts, resume=True)))
    assert events[0]["resumed_from_step"] == 6
    assert losses(parts.run_dir) == losses(whole.run_dir)
    ours, wanted = weights(parts.run_dir), weights(whole.run_dir)
    assert all(torch.equal(ours[name], wanted[name]) for name in wanted)


CHILD = """
import os, signal, sys
sys.path[:0] = {path!r}
from pathlib import Path
from tests.training import job, spoiled
from slm.train import train
from slm.updates import Updater
resume = sys.argv[1] == "resume"
if not resume:  # it dies of its own hand: from outside it might be done before the signal comes
    Updater.backward = spoiled({{24}}, lambda updater, loss: os.kill(os.getpid(), signal.SIGKILL))
list(train(job(Path({data!r}), Path({place!r}), resume=resume, train={{"steps": 40}})))
"""


def test_kill_9_in_mid_step_then_resume_equals_an_uninterrupted_run(starter_data, tmp_path):
    root = str(Path(__file__).resolve().parent.parent)
    code = CHILD.format(path=[root], data=str(starter_data), place=str(tmp_path / "killed"))

    def child(word: str) -> int:
        return subprocess.run([sys.executable, "-c", code, word], cwd=tmp_path, timeout=PATIENCE_S).returncode

    assert child("new") == -signal.SIGKILL
    run_dir = tmp_path / "killed" / "run"
    assert status(run_dir) == "lost" and max(losses(run_dir)) == 23
    assert child("resume") == 0
    assert status(run_dir) == "finished"
    whole = job(starter_data, tmp_path / "whole", train={"steps": 40})
    list(train(whole))
    assert losses(run_dir) == losses(whole.run_dir)
    assert len(losses(run_dir)) == 40
    ours, wanted = weights(run_dir), weights(whole.run_dir)
    assert all(torch.equal(ours[name], wanted[name]) for name in wanted)


class Clock:
    """Time passes on it in updates alone, a sixteenth of a second in each."""

    now_s = 1000.0

    def update(self, updater, loss: float) -> float:
        self.now_s += 1 / 16
        return loss

    def perf_counter(self) -> float:
        return self.now_s


def test_minutes_are_a_budget_that_ends_on_time_with_the_learning_rate_down(starter_data, tmp_path, monkeypatch):
    monkeypatch.setattr("slm.budget.time", clock := Clock())
    monkeypatch.setattr("slm.updates.Updater.backward", spoiled(set(range(1000)), clock.update))
    events = list(train(job(starter_data, tmp_path, train={"steps": None, "minutes": 0.05, "eval_interval": 10**6})))
    steps = [e for e in events if e["kind"] == "train"]
    assert events[0]["budget_s"] == 3.0
    assert [e["elapsed_s"] for e in steps] == pytest.approx([step / 16 for step in range(1, 49)], abs=0.001)
    assert max(e["lr"] for e in steps) == 3e-3 and steps[-1]["lr"] < 0.1 * 3e-3
    assert events[-1]["reason"] == "finished"


def test_no_more_than_the_save_interval_is_at_risk_however_rare_the_evaluations(starter_data, tmp_path, monkeypatch):
    monkeypatch.setattr("slm.budget.time", clock := Clock())
    monkeypatch.setattr("slm.updates.Updater.backward", spoiled(set(range(1000)), clock.update))
    settings = {"steps": 40, "eval_interval": 10**6, "save_interval_s": 5 / 16}
    events = list(train(job(starter_data, tmp_path, train=settings)))
    assert [e["step"] for e in events if e["kind"] == "checkpoint"] == list(range(5, 41, 5))
    assert [e["step"] for e in events if e["kind"] == "eval"] == [40]
    best = json.loads((tmp_path / "run" / "best.json").read_text())
    assert best["step"] == 40 and best["val_loss"] is not None


def test_a_run_killed_between_evaluations_goes_on_from_what_the_interval_saved(starter_data, tmp_path, monkeypatch):
    settings = {"eval_interval": 10**6, "save_interval_s": 5 / 16}
    whole = job(starter_data, tmp_path / "whole", train=settings)
    list(train(whole))
    parts = job(starter_data, tmp_path / "parts", train=settings)
    with monkeypatch.context() as patch:
        patch.setattr("slm.budget.time", clock := Clock())
        patch.setattr("slm.updates.Updater.backward", spoiled(set(range(1000)), clock.update))
        begun = train(parts)
        while (event := next(begun))["kind"] != "train" or event["step"] < 8:
            pass
        begun.close()
    assert next(train(replace(parts, resume=True)))["resumed_from_step"] == 5
    list(train(replace(parts, resume=True)))
    assert losses(parts.run_dir) == losses(whole.run_dir)


def test_tokens_are_a_budget(starter_data, tmp_path):
    events = list(train(job(starter_data, tmp_path, train={"steps": None, "tokens": 5 * 31 * 3 + 1})))
    assert events[0]["max_steps"] == 4
    assert [e["tokens"] for e in events if e["kind"] == "train"][-1] == 4 * 5 * 31


def test_the_small_steps_of_a_ramp_count_what_they_take(starter_data, tmp_path):
    words = {"steps": None, "tokens": 2 * 15 * 3 + 5 * 31 + 1, "ramp_steps": 3}
    events = list(train(job(starter_data, tmp_path, train=words)))
    seen = [e["tokens"] for e in events if e["kind"] == "train"]
    assert seen == [30, 60, 90, 90 + 155, 90 + 310]
    assert events[0]["max_steps"] == 5


def test_mistakes_are_told_before_anything_is_written(starter_data, tmp_path):
    good = job(starter_data, tmp_path)
    with pytest.raises(ValueError, match="512"):
        next(train(replace(good, model=replace(good.model, vocab_size=777))))
    with pytest.raises(ValueError, match="no prepared data set"):
        next(train(replace(good, data=tmp_path / "nothing")))
    with pytest.raises(ValueError, match="needs at least"):
        next(train(replace(good, model=replace(good.model, block_size=131072))))
    with pytest.raises(ValueError, match="no run 'run'"):
        next(train(replace(good, resume=True)))
    with pytest.raises(ValueError, match="no name"):
        next(train(replace(good, run="../elsewhere")))
    assert not any(p.is_dir() for p in tmp_path.iterdir())
    list(train(replace(good, train=replace(good.train, steps=1))))
    with pytest.raises(ValueError, match="a run 'run' already"):
        next(train(good))


def test_an_error_on_the_way_is_written_down(starter_data, tmp_path, monkeypatch):
    def broken(self, progress):
        raise RuntimeError("the device fell over")

    monkeypatch.setattr("slm.train.Trainer._update", broken)
    with pytest.raises(RuntimeError):
        list(train(job(starter_data, tmp_path)))
    end = read_events(tmp_path / "run")[0][-1]
    assert end["reason"] == "error"
    assert "fell over" in end["message"]
    assert status(tmp_path / "run") == "error"


def test_a_sample_story_that_fails_does_not_end_the_training(starter_data, tmp_path, monkeypatch):
    whole = job(starter_data, tmp_path / "whole")
    list(train(whole))
    stream = LanguageModel.stream

    def broken(self, *words, **settings):
        yield next(stream(self, *words, **settings))
        raise RuntimeError("no kernel image is available")

    monkeypatch.setattr(LanguageModel, "stream", broken)
    dumb = job(starter_data, tmp_path / "dumb")
    events = list(train(dumb))
    warnings = [e for e in events if e["kind"] == "warning"]
    assert [(e["code"], e["step"]) for e in warnings] == [("sample-failed", step) for step in (4, 8, 12)]
    assert "(RuntimeError: no kernel image is available); going on" in warnings[0]["message"]
    assert events[-1]["reason"] == "finished"
    assert losses(dumb.run_dir) == losses(whole.run_dir)  # dropout is on again after each
