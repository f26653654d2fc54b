"""int8: products within what rounding allows, and the same text alone, among others, streamed or not."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from slm.checkpoint import load_folder
from slm.config import ModelConfig, SampleConfig
from slm.folders import bundled_dir
from slm.generate import LanguageModel
from slm.int8 import Int8Linear, Int8WeightLinear, activation_levels, int8_model
from slm.model import Linear
from slm.precision import MOST_LOSS_INCREASE, Int8Copy, choose_int8, loss_increase
from tests.engine import SHAPES, VOCAB, random_lm, random_model, small_tokenizer

# The last one has rows of a length that suits the product with small matrices; its scores take the other one.
MODELS = {
    **SHAPES,
    "both kinds": {"architecture": "nanochat", "n_layer": 2, "n_head": 2, "n_embd": 64, "n_inner": 512},
}


def random_linear(inputs: int, outputs: int, *, bias: bool, seed: int = 0) -> Linear:
    linear, generator = Linear(inputs, outputs, bias=bias), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in linear.parameters():
            p.copy_(torch.randn(p.shape, generator=generator))
    return linear


def int8_lm(name: str) -> LanguageModel:
    lm = random_lm(name)
    return LanguageModel(lm.model, lm.tokenizer, int8=Int8Copy(int8_model(lm.model), 0.0))


@pytest.mark.parametrize(("inputs", "outputs"), [(7, 11), (64, 3), (257, 129)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("levels", [127, 63])
@torch.inference_mode()
def test_a_product_errs_by_the_rounding_of_its_numbers_and_no_more(inputs, outputs, bias, levels):
    linear = random_linear(inputs, outputs, bias=bias)
    x = torch.randn(13, inputs) * torch.logspace(-3, 3, 13)[:, None]
    off_x = x.abs().amax(-1, keepdim=True) / levels / 2  # (13, 1) most that a number of x moves
    off_w = linear.weight.abs().amax(1) / 127 / 2  # (outputs,)
    bound = off_x * linear.weight.abs().sum(1) + x.abs().sum(1, keepdim=True) * off_w + inputs * off_x * off_w
    error = (Int8Linear(linear, levels)(x) - linear(x)).abs()
    assert (error <= 1.001 * bound + 1e-4 * linear(x).abs().amax(1, keepdim=True)).all()
    assert error.max() > 0


@pytest.mark.parametrize(("inputs", "outputs"), [(32, 11), (64, 3), (224, 129)])
@pytest.mark.parametrize("bias", [True, False])
@torch.inference_mode()
def test_a_product_with_a_small_matrix_errs_by_int8_weights_and_bfloat16_numbers(inputs, outputs, bias):
    linear = random_linear(inputs, outputs, bias=bias)
    x = torch.randn(13, inputs) * torch.logspace(-3, 3, 13)[:, None]
    bits = torch.finfo(torch.bfloat16).eps / 2  # most that a number moves, as a share of it
    off_w = linear.weight.abs().amax(1) / 127 * (0.5 + 127 * bits)  # (outputs,) the scale is rounded as well
    whole = x.abs() @ linear.weight.abs().t()  # (13, outputs)
    bound = x.abs().sum(1, keepdim=True) * off_w + 2 * bits * whole
    error = (Int8WeightLinear(linear)(x) - linear(x)).abs()
    assert (error <= 1.02 * bound + 1e-6 * whole).all()
    assert error.max() > 0


@torch.inference_mode()
@pytest.mark.parametrize("kind", [lambda linear: Int8Linear(linear, activation_levels()), Int8WeightLinear])
def test_a_row_is_the_same_alone_and_among_others_and_zeros_give_the_bias(kind):
    linear = random_linear(96, 31, bias=True)
    rounded, x = kind(linear), torch.randn(2, 5, 96)
    assert torch.equal(rounded(x)[1, 3], rounded(x[1, 3][None])[0])
    assert torch.equal(rounded(torch.zeros(3, 96)), linear.bias.expand(3, -1))
    onto = torch.randn(5, 31)
    torch.testing.assert_close(rounded.add_to(x[0], onto), rounded(x[0]) + onto)


@pytest.mark.parametrize("shape", MODELS.values(), ids=MODELS)
@pytest.mark.usefixtures("torch_alone")
@torch.inference_mode()
def test_a_model_in_int8_scores_nearly_as_before_and_leaves_the_original_alone(shape):
    model = random_model(ModelConfig(**shape, block_size=23, vocab_size=VOCAB))
    ids = torch.tensor([small_tokenizer().encode("Once upon a time there was a little girl.")])
    before = model(ids)
    small = int8_model(model)
    assert torch.equal(model(ids), before)
    assert not any(isinstance(m, Linear) for m in small.modules())
    assert F.mse_loss(small(ids), before).sqrt() < 0.05 * before.std()
    assert 0 < loss_increase(model, small, ids[0].tolist()) < 0.01


def test_the_bundled_model_is_as_good_in_int8_as_auto_asks_for(torch_alone):
    model, tokenizer, _ = load_folder(bundled_dir() / "tinystories-5m")
    chosen = choose_int8(model, tokenizer, "int8")
    assert {Int8Linear, Int8WeightLinear} <= {type(m) for m in chosen.model.modules()}
    assert 0 < chosen.loss_increase < MOST_LOSS_INCREASE


@pytest.mark.parametrize("name", ["gpt2", "nanochat"])
@pytest.mark.usefixtures("torch_alone")
def test_same_seed_same_text_whether_streamed_or_not_and_nearly_the_same_scores_in_a_batch(name):
    lm = int8_lm(name)
    for seed in (11, 12, 13):
        whole = lm.generate("Once", max_new_tokens=53, seed=seed)
        assert whole == "Once" + "".join(lm.stream("Once", max_new_tokens=53, seed=seed))
    # Several rows are multiplied another way, so a draw on the edge may fall to the other side.
    ids = torch.randint(lm.config.vocab_size, (1, 19), generator=torch.Generator().manual_seed(3))
    model = int8_model(lm.model)
    alone, together = model(ids)[0], model(ids.expand(5, -1))[2]
    assert F.mse_loss(together, alone).sqrt() < 0.05 * alone.std()


def test_a_model_takes_each_matrix_by_its_size_and_the_length_of_its_rows(torch_alone):
    shape = {"n_layer": 1, "n_head": 4, "n_embd": 224, "vocab_size": 67, "block_size": 19}
    for n_inner, fitting in ((96, True), (101, False)):
        block = int8_model(random_model(ModelConfig(architecture="nanochat", n_inner=n_inner, **shape))).h[0]
        assert isinstance(block.attn.c_attn, Int8WeightLinear) and isinstance(block.mlp.c_fc, Int8WeightLinear)
        assert isinstance(block.mlp.c_proj, Int8WeightLinear) == fitting
    large = random_linear(512, 512, bias=False)
    assert isinstance(int8_model(nn.Sequential(large))[0], Int8Linear)


def test_the_likeliest_text_is_always_that_of_the_exact_weights():
    lm = int8_lm("gpt2")
    for settings in ({"temperature": 0.0}, {"num_beams": 3}):
        assert lm.writer(SampleConfig(**settings)) is lm.model
        assert lm.weights_used(SampleConfig(**settings)) == "float32"
        assert lm.generate("Once", 31, **settings) == random_lm("gpt2").generate("Once", 31, **settings)
    assert lm.weights_used(SampleConfig()) == "int8 weights, loss +0.00 %"


def test_which_precision_is_chosen():
    lm = random_lm("nanochat")
    assert choose_int8(lm.model, lm.tokenizer, "auto") is None  # too small for it to pay
    assert choose_int8(lm.model, lm.tokenizer, "float32") is None
    assert choose_int8(lm.model, lm.tokenizer, "int8").loss_increase < 0.01
    with pytest.raises(ValueError, match="precision is 'int4'; choose one of auto, float32, int8"):
        choose_int8(lm.model, lm.tokenizer, "int4")


def test_a_model_that_rounding_hurts_or_does_not_hasten_stays_exact(monkeypatch):
    lm = random_lm("nanochat")
    monkeypatch.setattr("slm.precision.SMALLEST_PARAMETERS", 0)
    for quicker, most, taken in ((True, 1.0, True), (False, 1.0, False), (True, 0.0, False)):
        monkeypatch.setattr("slm.precision._is_quicker", lambda *_, quicker=quicker: quicker)
        monkeypatch.setattr("slm.precision.MOST_LOSS_INCREASE", most)
        assert (choose_int8(lm.model, lm.tokenizer, "auto") is not None) == taken


def test_a_torch_without_the_product_writes_in_float32(monkeypatch):
    lm = random_lm("nanochat")
    monkeypatch.setattr("slm.precision.SMALLEST_PARAMETERS", 0)

    def absent(model):
        raise RuntimeError("no engine")

    monkeypatch.setattr("slm.precision.int8_model", absent)
    assert choose_int8(lm.model, lm.tokenizer, "auto") is None
    with pytest.raises(ValueError, match=r"no int8 product for this CPU \(no engine\)"):
        choose_int8(lm.model, lm.tokenizer, "int8")
