"""The loss chart's value: curves out of events, and thinning that keeps the extremes."""

from __future__ import annotations

import json

import pytest

from demo.views.chart import Curve, chart_value, curve_from_events, decimate
from demo.views.landmarks import landmarks_for
from tests.demo.curves import STORIES, events, losses


@pytest.mark.parametrize("count", [0, 1, 2, 499, 500, 501, 997, 1000, 12_347])
def test_thinning_keeps_ends_and_extremes_in_order(count):
    points = losses(count)
    kept = decimate(points)
    assert len(kept) <= 500
    assert count > 500 or [p[:2] for p in kept] == points
    pairs = [(step, loss) for step, loss, _ in kept]
    assert set(pairs) <= set(points)
    assert pairs == sorted(set(pairs))
    if points:
        assert pairs[0] == points[0] and pairs[-1] == points[-1]
        for extreme in (min, max):
            assert extreme(points, key=lambda p: p[1]) in pairs


def test_a_single_spike_survives_and_does_not_bend_the_mean():
    points = [(step, 1.0) for step in range(10_007)]
    points[5003] = (5003, 99.0)
    kept = decimate(points)
    spike = [p for p in kept if p[1] == 99.0]
    assert len(spike) == 1 and 1.0 < spike[0][2] < 1 + 98 / 30


def test_curve_of_a_log():
    curve = curve_from_events("a", events(47))
    assert [step for step, _ in curve.train] == list(range(1, 48))
    assert [step for step, _ in curve.val] == [20, 40]
    assert curve.tokens_at(20) == 1280 and curve.tokens_at(0) == 0
    assert curve.seconds_at(20) == 5.0 and curve.seconds_at(0) == 0.0


def test_tokens_are_read_off_between_steps_of_unlike_size():
    seen = {1: 16, 2: 32, 3: 96, 5: 224}
    log = [{"kind": "train", "step": step, "loss": 3.0, "tokens": n} for step, n in seen.items()]
    curve = curve_from_events("a", log)
    assert [curve.tokens_at(step) for step in (0, 1, 2, 3, 4, 5)] == [0, 16, 32, 96, 160, 224]


def test_a_resume_takes_back_what_came_after_it():
    log = [
        *events(30),
        {"kind": "start", "step": 10, "resumed_from_step": 10},
        {"kind": "train", "step": 11, "loss": 7.0},
    ]
    curve = curve_from_events("a", log)
    assert [step for step, _ in curve.train] == list(range(1, 12))
    assert curve.train[-1] == (11, 7.0) and curve.val == []


def test_unmeasured_and_odd_events_are_left_out():
    log = [
        {},
        {"kind": "train"},
        {"kind": "train", "step": 3, "loss": None},
        {"kind": "eval", "step": 5, "val_loss": None},
        {"kind": "train", "step": 7, "loss": float("inf")},
        {"kind": "train", "step": 11, "loss": 4.5, "elapsed_s": None},
        {"kind": "start", "step": 0, "resumed_from_step": None},
        {"kind": "later kind", "step": 2},
    ]
    curve = curve_from_events("a", log)
    assert (curve.train, curve.val, curve.tokens) == ([(11, 4.5)], [], [])
    value = chart_value([curve], landmarks=[])
    assert value["runs"][0]["train"] == [[11, 4.5, 4.5, None, None, None, None, None]]


def test_value_is_small_plain_json():
    curves = [
        Curve(f"run {i}", losses(9973, seed=i), losses(700), [(9973, 64e4)], [(0, 0.0), (9973, 100.0)])
        for i in range(3)
    ]
    value = chart_value(curves, landmarks=landmarks_for(STORIES), budget={"minutes": 2})
    text = json.dumps(value, allow_nan=False)
    assert all(len(run[series]) <= 500 for run in value["runs"] for series in ("train", "val"))
    assert len(text) < 200_000
    assert value["budget"] == {"seconds": 120}


def test_bits_per_byte_follow_from_an_evaluation():
    log = [*events(3), {"kind": "eval", "step": 3, "val_loss": 4.0, "val_bpb": 1.5}]
    assert curve_from_events("a", log).bits_per_nat == 0.375
    assert curve_from_events("a", events(3)).bits_per_nat is None
