"""Sample stories side by side: from the first to the newest, spaced as a model learns."""

from __future__ import annotations

import re

import pytest

from demo.views.samples import milestones, samples_html


def told(*steps: int) -> list[dict]:
    return [{"kind": "sample", "step": step, "prompt": "Once", "text": f" text {step}"} for step in steps]


@pytest.mark.parametrize(
    ("steps", "chosen"),
    [
        ([], []),
        ([7], [7]),
        ([7, 11, 13, 17], [7, 11, 13, 17]),
        ([1, 5, 10, 50, 100, 500, 1000], [1, 10, 100, 1000]),
        (range(10, 1001, 10), [10, 50, 220, 1000]),
        ([0, 1, 2, 3, 5000], [0, 2, 3, 5000]),
        ([4990, 4995, 5000, 5005, 5010], [4990, 4995, 5005, 5010]),
    ],
)
def test_milestones_are_spaced_by_ratios(steps, chosen):
    assert [sample["step"] for sample in milestones(told(*steps))] == chosen


def test_first_and_newest_stand_side_by_side_with_the_loss_of_their_step():
    events = [
        {"kind": "eval", "step": 3, "val_loss": 4.5},
        *told(3),
        {"kind": "eval", "step": 11, "val_loss": 2.25},
        *told(11),
    ]
    markup = samples_html(events)
    assert re.findall(r"<b>step (\d+)</b>.*?validation loss ([\d.]+)", markup) == [("3", "4.50"), ("11", "2.25")]
    assert "<details" not in markup


def test_many_are_folded_the_newest_first():
    markup = samples_html(told(*range(1, 100)))
    folded = re.findall(r"<b>step (\d+)</b>", markup.split("<details")[1])
    assert folded == [str(step) for step in range(99, 49, -1)]
    assert "All 99 stories" in markup


def test_two_looks_at_one_step_are_one_story():
    markup = samples_html(told(3, 7, 7))
    assert markup.count("step 7") == 1 and markup.count("step 3") == 1
