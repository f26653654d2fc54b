"""What of a training is saved beside model and optimizer, and taken up again."""

from __future__ import annotations

import math
from dataclasses import replace

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
