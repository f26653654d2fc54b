"""The forecast: amounts exactly, the loss law against trainings it has not seen, silence where nothing was measured."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from slm import forecast as module
from slm.config import DEFAULT_MINUTES, ModelConfig, TrainConfig, preset
from slm.forecast import MEASURED, Training, flops_per_token, forecast

MICRO = preset("micro")


def ask(tok_per_s=3000.0, *, earlier=MEASURED, model=MICRO.model, train_tokens=None, **budget):
    settings = replace(MICRO.train, **budget)
    return forecast(model, settings, tok_per_s=tok_per_s, earlier=earlier, train_tokens=train_tokens)


def test_minutes_become_tokens_by_the_speed():
    told = ask(minutes=5.0, train_tokens=405_000)
    assert told.seconds == 300
    assert told.tokens == 810_000 and told.readings == 2.0
    assert told.steps == MICRO.train.steps_for(810_000, MICRO.model.block_size)


def test_steps_and_tokens_become_seconds():
    told = ask(steps=100, ramp_steps=0)
    assert (told.steps, told.tokens) == (100, 100 * 16 * 128)
    assert told.seconds == pytest.approx(told.tokens / 3000 / 0.9)
    assert ask(tokens=204_800, ramp_steps=0).steps == 100
    ramped = ask(steps=10, ramp_steps=7)
    assert ramped.tokens == 7 * 8 * 64 + 3 * 16 * 128


def within(training):
    """Whether others were smaller and larger, shorter and longer than this one."""
    fields = ("n_params", "tokens", "steps")
    values = {name: [getattr(t, name) for t in MEASURED if t is not training] for name in fields}
    return all(min(v) <= getattr(training, name) <= max(v) for name, v in values.items())


@pytest.mark.parametrize("unseen", filter(within, MEASURED), ids=lambda t: f"{t.n_params}-{t.tokens}")
def test_each_training_lies_in_the_band_of_the_others(unseen, monkeypatch):
    monkeypatch.setattr(module, "MEASURED", tuple(t for t in MEASURED if t is not unseen))
    module._fit.cache_clear()
    try:
        band, _ = module._band(unseen, module.MEASURED)
    finally:
        monkeypatch.undo()
        module._fit.cache_clear()
    assert band and band[0] <= unseen.bpb <= band[1]
    assert band[1] < 1.15 * band[0]


def test_a_training_that_the_law_never_saw_lies_in_the_band():
    # python -m slm train --preset micro --tokens 500000, on the stories of MEASURED
    band, _ = module._band(Training(2_555_904, 501_760, 245, math.nan), MEASURED)
    assert band and band[0] <= 1.1838 <= band[1]


@pytest.mark.parametrize("tok_per_s", [3_000.0, 10_000.0, 30_000.0])
def test_micro_on_starter_stories_which_is_what_the_page_offers_first_has_a_band(tok_per_s):
    told = ask(tok_per_s, minutes=5.0, earlier=module.measured_on("starter"))
    assert told.bpb and 0.1 < told.bpb[0] < told.bpb[1] < 0.4 and told.silence == ""


def test_a_training_on_starter_stories_lies_in_the_band_of_a_shorter_and_a_longer_one():
    shorter, unseen, longer = module.measured_on("starter")
    band, _ = module._band(unseen, (shorter, longer))
    assert band and band[0] <= unseen.bpb <= band[1] < 1.3 * band[0]
    # python -m slm train --preset micro --tokens 2000000, which no row is of
    band, _ = module._band(Training(917_504, 2_000_896, 1202, math.nan), module.STARTER)
    assert band and band[0] <= 0.2335 <= band[1]


def test_other_stories_have_no_law_but_what_a_shorter_training_came_to():
    told = ask(minutes=10.0, model=preset("mini").model, earlier=module.measured_on("starter"))
    assert told.bpb is None and "smaller that read 1,001,472 tokens of these stories ended at 0.29" in told.silence
    assert "0.22" in ask(minutes=20.0, model=preset("mini").model, earlier=module.measured_on("starter")).silence
    assert module.measured_on("somebody/else") == ()


@pytest.mark.parametrize("source", ["tinystories", "roneneldan/TinyStories", "/home/a/TinyStories", "TinyStories.txt"])
def test_a_local_copy_of_tinystories_is_tinystories(source):
    assert module.measured_on(source) == MEASURED


def own(*sizes, n_params=7_000):
    return tuple(Training(n_params, tokens, tokens // 100, bpb) for tokens, bpb in sizes)


def test_trainings_of_one_size_foretell_the_next_on_any_stories():
    width = module.BAND_MARGIN * module._fit()[1]
    # Four times the tokens, half the loss.
    low, high = module._band(Training(7_000, 20_000, 200, math.nan), own((10_000, 2.0), (40_000, 1.0)))[0]
    assert low == pytest.approx(2**0.5 * math.exp(-width)) and high == pytest.approx(2**0.5 * math.exp(width))
    # What lies off the line widens the band.
    wide = module._band(Training(7_000, 20_000, 200, math.nan), own((10_000, 2.0), (20_000, 3.0), (40_000, 1.0)))[0]
    assert wide[1] / wide[0] > 1.5 * high / low


@pytest.mark.parametrize(
    ("earlier", "says"),
    [
        (own((10_000, 2.0)), "one should end lower"),
        (own((10_000, 2.0), (40_000, 1.0), n_params=6_000), "one should end lower"),
        (own((10_000, 2.0), (11_000, 1.0)), "one should end lower"),
        (own((15_000, 2.0), (16_000, 1.0)), "one should end about there"),
        (own((10_000, 1.0), (40_000, 2.0)), "10,000 tokens of these stories ended at 1.00"),
        (own((2_000, 2.0), (8_000, 1.0)), "8,000 tokens of these stories ended at 1.00"),
        (own((40_000, 2.0), (90_000, 1.0)), "No training as short and as small"),
    ],
    ids=["one", "smaller", "of one length", "as long", "worse for longer", "shorter", "longer"],
)
def test_trainings_that_do_not_foretell_a_band_are_told(earlier, says):
    band, silence = module._band(Training(7_000, 20_000, 200, math.nan), earlier)
    assert band is None and says in silence


def test_where_the_law_is_silent_own_trainings_speak():
    wanted = Training(7_000, 20_000, 200, math.nan)
    assert "size" in module._band(wanted, MEASURED)[1]
    assert module._band(wanted, (*MEASURED, *own((10_000, 2.0), (40_000, 1.0))))[0]
    short = Training(917_504, 1_000_000, 3, math.nan)  # three updates of very many tokens
    assert "number of steps" in module._band(short, MEASURED)[1]


def test_longer_and_larger_is_lower():
    short, long = (ask(minutes=minutes).bpb for minutes in (2.0, 20.0))
    assert short and long and long[1] < short[0]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"earlier": ()}, "No training as short and as small"),
        ({"earlier": (Training(187_000, 5_000, 5, 4.4),)}, "ended at 4.40"),
        ({"minutes": 6000.0}, "length"),
        ({"model": preset("slm-51m").model}, "size"),
        ({"tok_per_s": 0.1}, "length"),
    ],
)
def test_it_is_silent_where_nothing_like_it_was_measured(changes, word):
    told = ask(**{"minutes": 5.0, **changes})
    assert told.bpb is None and word in told.silence


def test_flops_are_six_a_weight_and_the_products_of_attention():
    config = ModelConfig(
        architecture="nanochat", n_layer=3, n_head=2, n_embd=44, n_inner=37, block_size=13, vocab_size=59
    )
    matrices = 3 * (4 * 44 * 44 + 2 * 44 * 37) + 59 * 44
    products = 3 * 3 * 2 * (2 * 13 * 44)  # layers; forwards and twice backwards; scores and values; 2 T C
    assert flops_per_token(config) == 6 * matrices + products
    assert flops_per_token(replace(config, tied=False)) == flops_per_token(config)


def test_the_law_is_finite():
    law, worst = module._fit()
    assert all(math.isfinite(c) for c in law) and all(c < 0 for c in law[1:]) and worst < 0.06


def test_without_a_budget_it_is_a_training_of_as_long_as_one_without_a_budget_takes():
    assert ask() == ask(minutes=DEFAULT_MINUTES)


def test_the_least_budget_reads_something():
    assert forecast(MICRO.model, TrainConfig(minutes=0.01), tok_per_s=1.0).tokens >= 1
