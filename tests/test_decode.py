"""The flat step against the model's own forward: any shape, prompt and number of stories."""

from __future__ import annotations

import pytest
import torch

from slm.config import ModelConfig
from slm.decode import Decoder, cache_room
from slm.int8 import Int8Linear, Int8WeightLinear, int8_model
from tests.engine import random_model

pytestmark = pytest.mark.usefixtures("torch_alone")  # the compiled step has tests of its own, in test_native.py
SHAPES = [
    {"architecture": "gpt2", "n_layer": 3, "n_head": 2, "n_embd": 26, "n_inner": 59, "vocab_size": 101},
    {"architecture": "gpt2", "n_layer": 1, "n_head": 1, "n_embd": 7, "n_inner": 11, "vocab_size": 48, "tied": False},
    {"architecture": "nanochat", "n_layer": 2, "n_head": 3, "n_embd": 42, "n_inner": 59, "vocab_size": 103},
    {"architecture": "nanochat", "n_layer": 2, "n_head": 1, "n_embd": 10, "vocab_size": 64, "logit_softcap": 5.0},
]
# Rows of a length that suits the int8 product with small matrices; the scores take the other one.
FITTING = {"architecture": "nanochat", "n_layer": 2, "n_head": 2, "n_embd": 64, "n_inner": 512, "vocab_size": 103}


def grown(
    model, *, prompt: int, stories: int, seed: int, fixed: bool | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """(scores after the last of some steps, scores of the whole sequences read at once), both (stories, V)."""
    generator, V = torch.Generator().manual_seed(seed), model.config.vocab_size
    begin = torch.randint(V, (prompt,), generator=generator)
    steps = torch.randint(V, (stories, model.config.block_size - prompt), generator=generator)
    decoder = Decoder(model, begin.tolist(), stories, fixed=fixed)
    for column in steps.T:
        decoder.step(column)
    assert decoder.full
    ids = torch.cat((begin.expand(stories, -1), steps), dim=1).to(model.wte.weight.device)
    return decoder.logits, model(ids)[:, -1]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: f"{s['architecture']}-{s['n_embd']}")
@pytest.mark.parametrize("stories", [1, 2, 5])
@torch.inference_mode()
def test_steps_equal_the_whole_sequence_read_at_once(shape, stories):
    model = random_model(ModelConfig(**shape, block_size=19), seed=stories)
    for prompt in (1, 4, 18):
        stepped, whole = grown(model, prompt=prompt, stories=stories, seed=prompt)
        torch.testing.assert_close(stepped, whole, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: f"{s['architecture']}-{s['n_embd']}")
@pytest.mark.parametrize("stories", [1, 3])
@torch.inference_mode()
def test_steps_at_a_fixed_place_equal_the_whole_sequence_too(monkeypatch, shape, stories):
    """As on CUDA; memory there may hold anything before it is written."""
    empty = torch.empty
    model = random_model(ModelConfig(**shape, block_size=19), seed=stories)
    monkeypatch.setattr("torch.empty", lambda *size, **settings: empty(*size, **settings).fill_(torch.nan))
    for prompt in (1, 4, 18):
        stepped, whole = grown(model, prompt=prompt, stories=stories, seed=prompt, fixed=True)
        torch.testing.assert_close(stepped, whole, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("block_size", "most_tokens", "room"),
    [(256, None, 256), (256, 17, 256), (256, 900, 256), (131072, 17, 1024), (131072, 3000, 3000), (2048, 9999, 2048)],
)
def test_a_cache_has_room_for_what_is_written_and_for_a_short_context_whole(block_size, most_tokens, room):
    assert cache_room(block_size, most_tokens) == room


@pytest.mark.parametrize("shape", [SHAPES[0], SHAPES[2]], ids=["gpt2", "nanochat"])
@pytest.mark.parametrize("fixed", [False, True])
@torch.inference_mode()
def test_a_long_context_takes_no_more_room_than_its_stories_need(monkeypatch, shape, fixed):
    monkeypatch.setattr("slm.decode.WHOLE_CONTEXT", 5)
    model = random_model(ModelConfig(**shape, block_size=997), seed=1)
    decoder = Decoder(model, [5, 6, 7], 2, most_tokens=7, fixed=fixed)
    assert decoder.cache.k.shape[3] == decoder.cache.v.shape[3] == 7
    for column in ([11, 12], [13, 14], [15, 16], [17, 18]):
        decoder.step(torch.tensor(column))
    ids = torch.tensor([[5, 6, 7, 11, 13, 15, 17], [5, 6, 7, 12, 14, 16, 18]])
    torch.testing.assert_close(decoder.logits, model(ids)[:, -1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("stories", [1, 8])
def test_stories_that_memory_has_no_room_for_are_told_in_numbers(monkeypatch, stories):
    def no_room(*_, **__):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 7 bytes")

    model = random_model(ModelConfig(**SHAPES[0], block_size=131072))
    first = model.new_cache(room=100_000)
    monkeypatch.setattr("torch.empty", no_room)
    size_mb = f"{2 * 3 * stories * 26 * 100_000 * 4 / 1e6:,.0f}"
    with pytest.raises(ValueError, match=f"^writing {stories} x 100,000 tokens takes {size_mb} MB .* fewer stories"):
        first.repeated(stories)
    with pytest.raises(ValueError, match="more than there is"):
        model.new_cache(stories)


@torch.inference_mode()
def test_a_fixed_place_serves_stories_that_are_chosen_and_read_again():
    model = random_model(ModelConfig(**SHAPES[2], block_size=19))
    decoder = Decoder(model, [5, 6, 7], 3, fixed=True)
    decoder.step(torch.tensor([11, 12, 13]))
    decoder.choose(torch.tensor([2, 0, 2]))
    decoder.read_again(torch.tensor([[7, 13], [7, 11], [7, 13]]))
    decoder.step(torch.tensor([21, 22, 23]))
    ids = torch.tensor([[7, 13, 21], [7, 11, 22], [7, 13, 23]])
    torch.testing.assert_close(decoder.logits, model(ids)[:, -1], atol=1e-4, rtol=1e-4)


@pytest.mark.gpu
@torch.inference_mode()
def test_a_captured_step_gives_what_its_operations_give():
    model = random_model(ModelConfig(**SHAPES[2], block_size=19))
    for stories in (1, 3):
        stepped, whole = grown(model.cuda(), prompt=4, stories=stories, seed=stories)
        torch.testing.assert_close(stepped, whole, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("shape", [*SHAPES, FITTING], ids=lambda s: f"{s['architecture']}-{s['n_embd']}")
@torch.inference_mode()
def test_int8_steps_stay_near_the_int8_forward(shape):
    """Float sums in another order may round a number the other way, by one step; no more than that adds up."""
    model = int8_model(random_model(ModelConfig(**shape, block_size=19), seed=1))
    kinds = {type(m) for m in model.modules()} & {Int8Linear, Int8WeightLinear}
    assert kinds == ({Int8Linear, Int8WeightLinear} if shape is FITTING else {Int8Linear})
    for stories in (1, 3):
        stepped, whole = grown(model, prompt=4, stories=stories, seed=7)
        assert (stepped - whole).abs().max() < 0.1 * whole.std()


@torch.inference_mode()
def test_stories_can_be_chosen_anew_and_read_again():
    model = random_model(ModelConfig(**SHAPES[0], block_size=19))
    decoder = Decoder(model, [5, 6, 7], 3)
    decoder.step(torch.tensor([11, 12, 13]))
    decoder.choose(torch.tensor([2, 0, 2]))
    decoder.step(torch.tensor([21, 22, 23]))
    ids = torch.tensor([[5, 6, 7, 13, 21], [5, 6, 7, 11, 22], [5, 6, 7, 13, 23]])
    torch.testing.assert_close(decoder.logits, model(ids)[:, -1], atol=1e-4, rtol=1e-4)
    decoder.read_again(ids[:, 2:])
    torch.testing.assert_close(decoder.logits, model(ids[:, 2:])[:, -1], atol=1e-4, rtol=1e-4)
    assert decoder.cache.length == 3
