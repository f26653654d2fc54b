from __future__ import annotations

import pytest

from slm.config import ModelConfig, PrepareConfig, TrainConfig


@pytest.mark.parametrize(
    ("tokens", "steps"), [(1, 1), (130, 1), (131, 2), (390, 3), (391, 4), (390 + 540, 4), (390 + 541, 5)]
)
def test_a_budget_of_tokens_counts_the_small_steps_of_the_ramp(tokens, steps):
    config = TrainConfig(batch_size=20, ramp_steps=3)
    assert config.steps_for(tokens, 27) == steps


def test_a_ramp_halves_sequences_and_length_and_never_to_nothing():
    config = TrainConfig(batch_size=7, grad_accum_steps=3, ramp_steps=2)
    assert [config.step_shape(step, 17) for step in range(4)] == [(10, 8), (10, 8), (21, 17), (21, 17)]
    assert TrainConfig(batch_size=1, ramp_steps=1).step_shape(0, 2) == (1, 2)


def test_what_gpt2s_own_format_cannot_hold_is_refused():
    with pytest.raises(ValueError, match=r"logit_softcap is 15, .*choose architecture nanochat"):
        ModelConfig(architecture="gpt2", logit_softcap=15.0)
    assert ModelConfig(architecture="nanochat", logit_softcap=15.0).logit_softcap == 15.0


def test_a_raised_two_is_no_number_of_tokens():
    with pytest.raises(ValueError, match="vocab is gpt2 or a number of tokens, not '4²'"):
        PrepareConfig(vocab="4²")
