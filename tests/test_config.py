from __future__ import annotations

import pytest

from slm.config import DEFAULT_MINUTES, ModelConfig, PrepareConfig, TrainConfig
from slm.fields import parse_fields


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


def test_rotary_tables_have_a_size_that_memory_has():
    longest = {"architecture": "nanochat", "n_head": 1, "block_size": 131072}
    assert ModelConfig(**longest, n_embd=512).head_size == 512
    with pytest.raises(ValueError, match=r"131072 x 514 numbers a head .* 67,371,008, the most possible is 67,108,864"):
        ModelConfig(**longest, n_embd=514)
    assert ModelConfig(**{**longest, "architecture": "gpt2"}, n_embd=514).block_size == 131072


def test_a_sample_prompt_that_cannot_be_read_is_told_before_a_training_begins():
    with pytest.raises(ValueError, match=r"character 3 of sample_prompt is '\\udce9', half of a surrogate pair"):
        TrainConfig(sample_prompt="caf\udce9")
    with pytest.raises(ValueError, match=r"sample_prompt has 1,000,001 characters"):
        TrainConfig(sample_prompt="a" * 1_000_001)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"n_layer": 2.5}, "n_layer must be a whole number, not 2.5"),
        ({"dropout": "half"}, "dropout must be a number, not 'half'"),
        ({"tied": 1}, "tied must be yes or no, not 1"),
        ({"architecture": 7}, "architecture must be text, not 7"),
    ],
)
def test_a_setting_of_another_type_is_told_in_a_persons_words(given, says):
    with pytest.raises(ValueError, match=says):
        ModelConfig(**given)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"seed": "seven"}, "seed must be a whole number, not 'seven'"),
        ({"dropout": "half"}, "dropout must be a number, not 'half'"),
        ({"tied": "maybe"}, "tied must be yes or no, not 'maybe'"),
    ],
)
def test_what_somebody_typed_is_told_so_too(given, says):
    (name,) = given
    with pytest.raises(ValueError, match=says):
        parse_fields(ModelConfig if name in ModelConfig.__dataclass_fields__ else TrainConfig, given)


@pytest.mark.parametrize("given", [{"eval_interval_s": "inf"}, {"save_interval_s": "1e999"}, {"grad_clip": "inf"}])
def test_a_number_that_json_cannot_keep_is_refused(given):
    (name,) = given
    with pytest.raises(ValueError, match=f"{name} is inf; it must be a finite number"):
        TrainConfig(**parse_fields(TrainConfig, given))
    with pytest.raises(ValueError, match=f"{name} is not a number"):
        TrainConfig(**{name: float("nan")})


@pytest.mark.parametrize("name", ["seed", "limit"])
def test_a_number_that_preparing_cannot_count_with_is_refused(name):
    with pytest.raises(ValueError, match=f"{name} is 1000.*, the most possible is "):
        PrepareConfig(**{name: 10**70})


def test_a_training_has_one_budget_and_ten_minutes_where_none_is_given():
    assert TrainConfig().budget == {} and TrainConfig().with_budget().budget == {"minutes": DEFAULT_MINUTES}
    given = TrainConfig(tokens=7)
    assert given.with_budget() is given and given.budget == {"tokens": 7}
    with pytest.raises(ValueError, match="steps 3 and tokens 7 were given; the budget is one of"):
        TrainConfig(steps=3, tokens=7)
