"""What a fixed model writes, word for word: a change of any path from prompt to text shows here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import slm
from slm.evaluate import evaluate

HERE = Path(__file__).resolve().parent / "golden"
STORIES = json.loads((HERE / "stories.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def golden():
    return slm.load(HERE / "model", device="cpu")


@pytest.mark.parametrize("case", STORIES, ids=lambda case: case["prompt"][:20] or "nothing")
def test_the_golden_model_writes_its_golden_story(golden, case):
    settings = {key: value for key, value in case.items() if key != "story"}
    assert golden.generate(**settings) == case["story"]


def test_the_golden_model_foresees_its_kind_of_stories(golden):
    from slm.data.starter import stories

    held_out = list(stories(99, 20))
    result = evaluate(golden, held_out)
    assert result["val_bpb"] == pytest.approx(golden.about["val_bpb"], abs=0.15)
    scrambled = [" ".join(reversed(story.split(" "))) for story in held_out]
    assert evaluate(golden, scrambled)["val_bpb"] > 1.3 * result["val_bpb"]
