"""The model against transformers', and against what any causal language model must be."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from slm.config import PRESETS, ModelConfig, parameter_count, parameter_parts
from slm.hf_format import config_for_transformers, config_from_transformers, weights_for_transformers
from slm.model import GPT, initialise
from tests.engine import random_model

CONFIGS = {
    "gpt2": ModelConfig(architecture="gpt2", n_layer=3, n_head=2, n_embd=26, n_inner=59, block_size=23, vocab_size=101),
    "nanochat": ModelConfig(
        architecture="nanochat", n_layer=3, n_head=3, n_embd=42, n_inner=59, block_size=23, vocab_size=101
    ),
    "untied": ModelConfig(
        architecture="nanochat",
        n_layer=2,
        n_head=3,
        n_embd=42,
        block_size=23,
        vocab_size=101,
        tied=False,
        logit_softcap=15.0,
    ),
}


def transformers_model(model: GPT):
    """The same weights in transformers' own class."""
    from transformers import AutoConfig, AutoModelForCausalLM

    theirs = config_for_transformers(model.config, eot_id=model.config.vocab_size - 1)
    kind = theirs.pop("model_type")
    reference = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **theirs)).eval()
    missing, unexpected = reference.load_state_dict(weights_for_transformers(model), strict=False)
    assert not unexpected
    assert set(missing) <= {"lm_head.weight"}
    reference.tie_weights()
    return reference


@pytest.mark.parametrize("name", CONFIGS)
def test_logits_equal_transformers(name):
    model = random_model(CONFIGS[name])
    ids = torch.randint(0, 101, (5, 19), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        ours, theirs = model(ids), transformers_model(model)(ids).logits
    assert ours.std() > 0.1
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", CONFIGS)
def test_config_survives_the_way_through_transformers(name):
    config = CONFIGS[name]
    back = config_from_transformers(config_for_transformers(config, eot_id=100))
    assert dataclasses.replace(back, n_inner=back.mlp_size) == dataclasses.replace(
        config, n_inner=config.mlp_size, norm_eps=config.eps
    )


@pytest.mark.parametrize("name", CONFIGS)
def test_no_token_sees_a_later_one(name):
    model = random_model(CONFIGS[name])
    ids = torch.randint(0, 101, (1, 19))
    changed = ids.clone()
    changed[0, 11] = (changed[0, 11] + 1) % 101
    with torch.no_grad():
        before, after = model(ids), model(changed)
    torch.testing.assert_close(before[:, :11], after[:, :11])
    assert not torch.allclose(before[:, 11:], after[:, 11:])


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("cuts", [[7, 1, 1, 5, 5], [1] * 19, [19]])
def test_cached_forward_equals_uncached(name, cuts):
    model = random_model(CONFIGS[name])
    ids = torch.randint(0, 101, (3, 19))
    cache, parts = model.new_cache(3), []
    with torch.no_grad():
        for piece in ids.split(cuts, dim=1):
            parts.append(model(piece, cache))
        torch.testing.assert_close(torch.cat(parts, dim=1), model(ids), atol=1e-5, rtol=1e-4)


def test_context_overflow_is_told_with_both_numbers():
    model = random_model(CONFIGS["gpt2"])
    with pytest.raises(ValueError, match=r"24 tokens.*context of 23"):
        model(torch.zeros(1, 24, dtype=torch.int64))


@pytest.mark.parametrize(
    ("name", "count"),
    [("slm-51m", 51_082_752), ("slm-55m", 52_494_336), ("mini", 4_980_736), ("micro", 917_504), ("golden", 186_944)],
)
def test_presets_have_exactly_these_parameters(name, count):
    config = PRESETS[name].model
    with torch.device("meta"):
        model = GPT(config)
    assert sum(p.numel() for p in model.parameters()) == parameter_count(config) == count


@pytest.mark.parametrize("name", CONFIGS)
def test_parts_add_up_to_the_model(name):
    assert sum(p.numel() for p in GPT(CONFIGS[name]).parameters()) == sum(parameter_parts(CONFIGS[name]).values())


@pytest.mark.parametrize("name", ["micro", "golden"])
def test_a_new_model_guesses_evenly(name):
    config = PRESETS[name].model
    model = GPT(config)
    initialise(model, seed=3)
    ids = torch.randint(0, config.vocab_size, (2, 53))
    with torch.no_grad():
        loss = model.loss(ids[:, :-1], ids[:, 1:]).item()
    assert abs(loss - torch.tensor(float(config.vocab_size)).log().item()) < 0.15


def test_the_seed_alone_decides_the_weights():
    one, same, other = (GPT(CONFIGS["nanochat"]) for _ in range(3))
    initialise(one, 5)
    initialise(same, 5)
    initialise(other, 6)
    assert torch.equal(one.wte.weight, same.wte.weight)
    assert not torch.equal(one.wte.weight, other.wte.weight)
