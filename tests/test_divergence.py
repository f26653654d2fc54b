"""A training that goes astray: told from noise, set back to what was good, and ended when it is enough."""

from __future__ import annotations

import itertools
import json
import math
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from slm.config import TrainConfig, preset
from slm.divergence import RISE_NATS, WINDOW, Diverged, LossWatch
from slm.optim import Optimizer
from slm.runs import after_resume, read_events, read_json, status
from slm.train import train
from tests.training import STEPS, job, losses, spoiled, weights

CURVES = Path(__file__).parent / "golden" / "curves.json"


def looked_at(curve: list[float]) -> LossWatch:
    watch = LossWatch()
    for loss in curve:
        watch.look(loss, sound=True)
    return watch


@pytest.mark.parametrize("name", json.loads(CURVES.read_text()))
def test_no_recorded_curve_sets_it_off(name):
    curve = json.loads(CURVES.read_text())[name]
    assert len(curve) >= 100
    assert looked_at(curve).calm


def test_a_normal_golden_run_never_sets_it_off(starter_data, tmp_path):
    golden = preset("golden")
    settings = {**vars(golden.train), "steps": 60, "eval_interval": 1000, "sample_tokens": 3, "threads": 1}
    small = job(starter_data, tmp_path)
    events = list(train(replace(small, model=golden.model, train=TrainConfig(**settings))))
    assert [e["step"] for e in events if e["kind"] == "train"] == list(range(1, 61))
    assert not [e for e in events if e["kind"] == "warning"]


@pytest.mark.parametrize("scatter", [0.0, 0.1, 0.4, 1.0])
def test_noise_as_large_as_that_of_one_short_sequence_does_not_set_it_off(scatter):
    noise = random.Random(7)
    looked_at([2.0 + 6 * math.exp(-step / 200) + noise.gauss(0, scatter) for step in range(20_000)])


def test_a_peak_that_mends_is_left_alone_but_not_saved():
    watch = looked_at([3.0] * 50)
    for loss in [9.0] * (WINDOW // 2 - 1):
        watch.look(loss, sound=True)
        assert not watch.calm
    watch.look(3.1, sound=True)
    assert watch.calm


@pytest.mark.parametrize("level", [5.0, 10.8])
def test_a_loss_that_rises_and_stays_up_does(level):
    with pytest.raises(Diverged, match=rf"rose from {level:.2f} to {level + 1.2:.2f}"):
        looked_at([level] * WINDOW + [level + RISE_NATS + 0.2] * WINDOW)


@pytest.mark.parametrize("loss", [3.0, math.nan, math.inf])
def test_a_number_that_is_none_does_at_once(loss):
    with pytest.raises(Diverged, match="no number"):
        LossWatch().look(loss, sound=False)


# --- going back -------------------------------------------------------------------------------------------------------


def nan(updater, loss):
    return math.nan


def broken_gradient(updater, loss):
    next(updater.model.parameters()).grad.view(-1)[0] = math.inf
    return loss


def backs(run_dir: Path) -> list[tuple[int, int | None]]:
    return [(e["step"], e["resumed_from_step"]) for e in read_events(run_dir)[0] if e["kind"] == "start"]


@pytest.mark.parametrize("spoil", [nan, broken_gradient])
def test_once_it_goes_back_to_the_newest_snapshot_at_half_the_rate(starter_data, tmp_path, monkeypatch, spoil):
    whole = job(starter_data, tmp_path / "whole")
    list(train(whole))
    hurt = job(starter_data, tmp_path / "hurt")
    with monkeypatch.context() as patch:
        patch.setattr("slm.updates.Updater.backward", spoiled({6}, spoil))
        events = list(train(hurt))
    assert events[-1]["reason"] == "finished"
    assert backs(hurt.run_dir) == [(0, None), (4, 4)]
    (warning,) = (e for e in events if e["kind"] == "warning")
    assert (warning["code"], warning["step"]) == ("diverging", 4)
    assert warning["message"] == (
        "After step 6 the loss or its gradient is no number any more: back to step 4, with half the learning rate."
    )
    # What readers see: one curve, each step once, the same as ever up to the step gone back to.
    kept = after_resume(read_events(hurt.run_dir)[0])
    assert warning in kept
    steps = [e["step"] for e in kept if e["kind"] == "train"]
    assert steps == list(range(1, STEPS + 1))
    ours, wanted = losses(hurt.run_dir), losses(whole.run_dir)
    assert [ours[s] for s in range(1, 6)] == [wanted[s] for s in range(1, 6)]
    assert all(math.isfinite(loss) for loss in ours.values())
    rates = {e["step"]: e["lr"] for e in kept if e["kind"] == "train"}
    normal = {e["step"]: e["lr"] for e in read_events(whole.run_dir)[0] if e["kind"] == "train"}
    assert [rates[s] / normal[s] for s in (4, 5, STEPS)] == pytest.approx([1.0, 0.5, 0.5])
    # The clock goes on, so that a budget in minutes is kept.
    times = [e["elapsed_s"] for e in events if e["kind"] == "train"]
    assert times == sorted(times)


def test_the_lower_rate_stays_after_a_resume_even_if_nothing_was_saved_since(starter_data, tmp_path, monkeypatch):
    hurt = job(starter_data, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("slm.updates.Updater.backward", spoiled({6}, nan))
        for event in train(hurt):
            if event["kind"] == "warning":
                break
    assert read_json(hurt.run_dir / "resume" / "state.json")["rate"] == 0.5
    events = list(train(replace(hurt, resume=True)))
    fresh = job(starter_data, tmp_path / "whole")
    normal = {e["step"]: e["lr"] for e in train(fresh) if e["kind"] == "train"}
    assert {e["step"]: e["lr"] / normal[e["step"]] for e in events if e["kind"] == "train"} == pytest.approx(
        dict.fromkeys(range(5, STEPS + 1), 0.5)
    )


def test_before_the_first_snapshot_it_begins_anew(starter_data, tmp_path, monkeypatch):
    hurt = job(starter_data, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("slm.updates.Updater.backward", spoiled({2}, nan))
        events = list(train(hurt))
    assert backs(hurt.run_dir) == [(0, None), (0, 0)]
    assert events[-1]["reason"] == "finished"
    first, again = (e["loss"] for e in events if e["kind"] == "train" and e["step"] == 1)
    assert first == again
    assert sorted(losses(hurt.run_dir)) == list(range(1, STEPS + 1))


def test_after_three_times_it_ends_and_keeps_the_snapshots(starter_data, tmp_path, monkeypatch):
    hurt = job(starter_data, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("slm.updates.Updater.backward", spoiled({6, 9, 12}, nan))
        events = list(train(hurt))
    warnings = [e for e in events if e["kind"] == "warning"]
    assert [(e["code"], e["step"]) for e in warnings] == [("diverging", 4), ("diverging", 4), ("diverging", 7)]
    assert warnings[-1]["message"].endswith("no number any more: the training ends.")
    assert events[-1]["reason"] == status(hurt.run_dir) == "diverged"
    assert "went astray 3 times" in events[-1]["message"] and "0.0004" in events[-1]["message"]
    assert all(torch.isfinite(w).all() for w in weights(hurt.run_dir).values())
    # A person who goes on anyway does so at the rate that was named.
    events = list(train(replace(hurt, resume=True)))
    assert events[-1]["reason"] == "finished"
    assert max(e["lr"] for e in events if e["kind"] == "train") <= 3e-3 / 8


def test_a_rise_goes_back_too(starter_data, tmp_path, monkeypatch):
    hurt = job(starter_data, tmp_path, train={"steps": 60})
    with monkeypatch.context() as patch:
        patch.setattr("slm.updates.Updater.backward", spoiled(set(range(25, 50)), lambda _, loss: loss + 3.0))
        events = list(train(hurt))
    (warning,) = (e for e in events if e["kind"] == "warning")
    assert warning["code"] == "diverging" and "the loss rose from" in warning["message"]
    # Step 24 was saved while all was well; the snapshots of the bad stretch were never made.
    assert warning["step"] == 24
    assert events[-1]["reason"] == "finished"


@pytest.mark.parametrize(
    ("settings", "hurt_at", "back_to"),
    [({}, 8, 4), ({}, STEPS, 8), ({"eval_interval": 10**6, "save_interval_s": 1e-9}, 6, 5)],
    ids=["a look", "the end", "a save"],
)
def test_weights_that_are_no_numbers_are_neither_shown_nor_saved(
    starter_data, tmp_path, monkeypatch, settings, hurt_at, back_to
):
    step, steps = Optimizer.step, itertools.count(1)

    def spoiling(self, scale):
        step(self, scale)
        if next(steps) == hurt_at:
            with torch.no_grad():
                self.parts[0].parameters["wpe.weight"].view(-1)[0] = math.nan

    monkeypatch.setattr(Optimizer, "step", spoiling)
    hurt = job(starter_data, tmp_path, train=settings)
    events = list(train(hurt))
    (warning,) = (e for e in events if e["kind"] == "warning")
    assert warning["message"] == (
        f"After step {hurt_at} the weights are no numbers any more: back to step {back_to}, with half the learning "
        "rate."
    )
    assert backs(hurt.run_dir) == [(0, None), (back_to, back_to)]
    assert events[-1]["reason"] == "finished" and list(losses(hurt.run_dir)) == list(range(1, STEPS + 1))
    assert all(torch.isfinite(w).all() for w in weights(hurt.run_dir).values())
