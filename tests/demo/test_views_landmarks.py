"""Losses to hold a curve against: what a data set tells of itself, and earlier runs on the same stories."""

from __future__ import annotations

import pytest

from demo.views.landmarks import earlier_runs, landmarks_for
from tests.demo.curves import STORIES


def test_landmarks_of_a_data_set():
    marks = landmarks_for(STORIES)
    assert [round(mark.nats, 3) for mark in marks] == [8.318, 5.5, 3.5]
    assert len(landmarks_for({"vocab_size": 4096})) == 1 and landmarks_for({}) == []


def test_a_loss_of_another_vocabulary_is_given_in_bits_per_byte_alone():
    (mark,) = [m for m in landmarks_for({**STORIES, "source": "tinystories"}) if m.nats is None]
    assert mark.bpb == pytest.approx(0.83, abs=0.005)


@pytest.mark.parametrize(
    ("source", "known"),
    [
        ("roneneldan/TinyStories", True),
        ("/home/ada/TinyStories/", True),
        ("C:\\school\\tinystories.parquet", True),
        ("tinystories-clean", False),
        ("/home/ada/TinyStories/mine.txt", False),
        ("", False),
    ],
)
def test_a_local_copy_of_the_stories_has_the_notebook_s_landmark_too(source, known):
    labels = [mark.label for mark in landmarks_for({**STORIES, "source": source})]
    assert ("the well-known notebook" in labels) is known


def test_earlier_runs_are_the_best_and_the_newest_on_the_same_stories():
    def run(name, created, bpb, *, data="ts", status="finished"):
        known = {"val_bpb": bpb, "val_loss": bpb and 2 * bpb, "status": status}
        return {"name": name, "created": created, "data": data, **known}

    shown = run("shown", 100, None, status="running")
    others = [
        run("best", 10, 0.9), run("old", 20, 1.2), run("newest", 30, 1.1), run("later", 200, 0.5),
        run("elsewhere", 40, 0.4, data="other"), run("failed", 50, 0.8, status="error"), run("empty", 60, None),
    ]  # fmt: skip
    marks = earlier_runs([shown, *others], shown)
    assert [(mark.label, mark.nats, mark.bpb) for mark in marks] == [("run best", 1.8, 0.9), ("run newest", 2.2, 1.1)]
