"""What of a training is saved beside model and optimizer, and taken up again."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from slm.runs import read_json, request_stop, write_json
from slm.train import train
from tests.training import job, spoiled


def test_the_loss_scale_of_float16_goes_on_where_it_was(starter_data, tmp_path, monkeypatch):
    half = job(starter_data, tmp_path, train={"dtype": "float16"})
    seen = []

    def overflow_once(updater, loss):
        seen.append((updater.loss_scale.factor, updater.loss_scale.good_steps))
        if len(seen) == 2:
            next(updater.model.parameters()).grad.fill_(math.inf)
        return loss

    monkeypatch.setattr("slm.updates.Updater.backward", spoiled(set(range(1000)), overflow_once))
    for event in train(half):
        if event["kind"] == "train" and event["step"] == 6:
            request_stop(half.run_dir)
    assert seen == [(2.0**16, 0), (2.0**16, 1), *((2.0**15, n) for n in range(4))]
    list(train(replace(half, resume=True)))
    assert seen[6] == (2.0**15, 4)


def test_a_state_without_a_loss_scale_begins_with_the_usual_one(starter_data, tmp_path, monkeypatch):
    half = job(starter_data, tmp_path, train={"dtype": "float16", "steps": 2})
    list(train(half))
    state_file = half.run_dir / "resume" / "state.json"
    state = read_json(state_file)
    del state["loss_scale"]
    write_json(state_file, state)
    seen = []
    monkeypatch.setattr(
        "slm.updates.Updater.backward",
        spoiled({1}, lambda updater, loss: seen.append(updater.loss_scale.factor) or loss),
    )
    list(train(replace(half, train=replace(half.train, steps=3), resume=True)))
    assert seen == [2.0**16]


@pytest.mark.parametrize(
    ("asked", "saved_on", "kept"),
    [
        ("auto", "cpu", "float16"),
        ("auto", "cuda", "float32"),
        ("auto", None, "float16"),
        ("float16", "cuda", "float16"),
    ],
)
def test_a_dtype_that_one_device_chose_is_not_forced_on_another(
    starter_data, tmp_path, monkeypatch, asked, saved_on, kept
):
    half = job(starter_data, tmp_path, train={"dtype": "float16", "steps": 2})
    list(train(half))
    state_file = half.run_dir / "resume" / "state.json"
    state = read_json(state_file)
    assert (state.pop("device"), state["dtype"]) == ("cpu", "float16")
    write_json(state_file, {**state, **({} if saved_on is None else {"device": saved_on})})
    chosen = torch.float32 if asked == "auto" else torch.float16
    monkeypatch.setattr("slm.trainer.choose_dtype", lambda name, device: chosen)
    start, *_ = events = list(train(replace(half, train=replace(half.train, steps=3, dtype=asked), resume=True)))
    assert (start["dtype"], events[-1]["reason"]) == (kept, "finished")
    scale = read_json(state_file)["loss_scale"]
    assert (scale is None) is (kept == "float32")
