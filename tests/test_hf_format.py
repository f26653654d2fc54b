"""transformers' names and shapes of our weights; whole models are compared in test_model and test_checkpoint."""

from __future__ import annotations

import dataclasses

import pytest

from slm.config import PRESETS, ModelConfig
from slm.hf_format import own_shapes, own_weights, shapes_for_transformers, weights_for_transformers
from tests.engine import SHAPES, VOCAB, random_model


@pytest.mark.parametrize("kind", list(SHAPES))
@pytest.mark.parametrize("tied", [True, False])
def test_the_shapes_told_beforehand_are_the_weights_own(kind, tied):
    config = ModelConfig(**SHAPES[kind], block_size=23, vocab_size=VOCAB, tied=tied)
    model = random_model(config)
    assert own_shapes(config) == {name: tuple(t.shape) for name, t in own_weights(model).items()}
    assert shapes_for_transformers(config) == {k: tuple(t.shape) for k, t in weights_for_transformers(model).items()}


@pytest.mark.parametrize("name", PRESETS)
def test_a_shape_fits_its_config_alone(name):
    config = PRESETS[name].model
    assert shapes_for_transformers(config) != shapes_for_transformers(dataclasses.replace(config, n_layer=1))
