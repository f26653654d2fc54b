"""Where the Write tab's sliders stand: at the chosen model's own settings, as far as they reach."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("gradio")

from demo.session import Session
from demo.tabs.sampling import own_settings, slider_values
from slm.config import SampleConfig
from slm.own_sampling import save_sampling
from slm.runs import write_json

LIMITS = {
    "temperature": (0, 2), "top_k": (0, 200), "top_p": (0, 1), "max_new_tokens": (1, 400), "min_p": (0, 1),
    "repetition_penalty": (0.5, 2),
}  # fmt: skip
USUAL = SampleConfig()
STANDING = [USUAL.temperature, 0, USUAL.top_p, USUAL.max_new_tokens, 0, 1]


def test_what_is_off_stands_at_its_end_and_nothing_stands_past_one() -> None:
    assert slider_values(SampleConfig(), LIMITS) == STANDING
    far = SampleConfig(temperature=9.0, top_k=500, top_p=None, max_new_tokens=9000, min_p=0.1, repetition_penalty=0.01)
    assert slider_values(far, LIMITS) == [2, 200, 1, 400, 0.1, 0.5]


def test_the_sliders_are_told_what_a_model_is_drawn_with(session: Session) -> None:
    folder = session.checkpoints / "came"
    write_json(folder / "config.json", {})
    (folder / "model.safetensors").touch()
    assert json.loads(own_settings(session, LIMITS, "came")) == STANDING
    save_sampling(folder, SampleConfig(temperature=0.4, top_k=7, top_p=None), eot_id=0)
    assert json.loads(own_settings(session, LIMITS, "came")) == [0.4, 7, 1, STANDING[3], 0, 1]


@pytest.mark.parametrize("model", [None, "", "gone", "../came", "came"])
def test_a_model_that_cannot_be_read_moves_nothing(session: Session, model: str | None) -> None:
    folder = Path(session.checkpoints / "came")
    write_json(folder / "config.json", {})
    (folder / "model.safetensors").touch()
    (folder / "generation_config.json").write_text("{")
    assert own_settings(session, LIMITS, model) == ""
