"""Which weights write: what is timed before int8 is taken."""

from __future__ import annotations

import pytest
import torch

from slm import precision
from slm.config import ModelConfig
from slm.int8 import int8_model
from tests.engine import random_model

SHAPE = {"n_layer": 2, "n_head": 2, "n_embd": 64, "n_inner": 96, "vocab_size": 103, "block_size": 19}


@pytest.mark.parametrize("architecture", ["gpt2", "nanochat"])
@torch.inference_mode()
def test_whole_steps_of_a_story_are_timed(monkeypatch, architecture):
    model = random_model(ModelConfig(architecture=architecture, **SHAPE))
    stepped, plain = [], precision.Decoder.step

    def step(decoder, ids):
        plain(decoder, ids)
        stepped.append((decoder.model, decoder.cache.length))

    monkeypatch.setattr(precision.Decoder, "step", step)
    for either in (model, int8_model(model)):
        work = precision._step(either)
        work(), work()
        assert stepped == [(either, 2), (either, 2)]
        stepped.clear()


@pytest.mark.parametrize(("rounded_s", "quicker"), [(0.7, True), (0.8, False), (1.2, False)])
def test_int8_must_be_clearly_quicker_and_leaves_the_count_of_threads(monkeypatch, rounded_s, quicker):
    times = iter([rounded_s, 1.0])
    monkeypatch.setattr("slm.precision.least_time_s", lambda work: next(times))
    model, threads = random_model(ModelConfig(**SHAPE)), torch.get_num_threads()
    assert precision._is_quicker(int8_model(model), model) == quicker
    assert torch.get_num_threads() == threads
