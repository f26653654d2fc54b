"""Which weights write: what is timed before int8 is taken."""

from __future__ import annotations

import pytest
import torch

from slm import precision
from slm.config import ModelConfig
from slm.int8 import int8_model
from slm.model import Linear
from tests.engine import random_model

SHAPE = {"n_layer": 2, "n_head": 2, "n_embd": 64, "n_inner": 96, "vocab_size": 103, "block_size": 19}


@pytest.mark.parametrize("architecture", ["gpt2", "nanochat"])
@torch.inference_mode()
def test_one_product_with_every_matrix_is_timed(monkeypatch, architecture):
    model = random_model(ModelConfig(architecture=architecture, **SHAPE))
    shapes = [(m.out_features, m.in_features) for m in model.modules() if isinstance(m, Linear)]
    made, plain = [], precision.product_function

    def product_function(matrix, batch_size):
        product = plain(matrix, batch_size)

        def noted(x, onto):
            y = product(x, onto)
            made.append((y.shape[1], x.shape[1]))
            return y

        return noted

    monkeypatch.setattr("slm.precision.product_function", product_function)
    for either in (model, int8_model(model)):
        precision._products(either)()
        assert made == shapes
        made.clear()


@pytest.mark.parametrize(("rounded_s", "quicker"), [(0.7, True), (0.8, False), (1.2, False)])
def test_int8_must_be_clearly_quicker_and_leaves_the_count_of_threads(monkeypatch, rounded_s, quicker):
    times = iter([rounded_s, 1.0])
    monkeypatch.setattr("slm.precision.least_time_s", lambda work: next(times))
    model, threads = random_model(ModelConfig(**SHAPE)), torch.get_num_threads()
    assert precision._is_quicker(int8_model(model), model) == quicker
    assert torch.get_num_threads() == threads
