"""Losses against the definition, written out token by token."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from slm.evaluate import StoryLosses, bits_per_byte, evaluate, windows_loss
from tests.engine import random_lm

STORIES = ["Once upon a time there was a girl.", "a", "The big “day” was here. " * 9]


@pytest.mark.parametrize("name", ["gpt2", "nanochat"])
def test_a_short_story_costs_the_sum_of_its_tokens(name):
    lm = random_lm(name)
    text = "Once upon a"
    ids = [*lm.tokenizer.encode(text), lm.tokenizer.eot_id]
    nats = 0.0
    for t, token in enumerate(ids):
        given = torch.tensor([[lm.tokenizer.eot_id, *ids[:t]]])
        with torch.no_grad():
            nats -= lm.model(given)[0, -1].log_softmax(-1)[token].item()
    result = evaluate(lm, [text])
    assert result["tokens"] == len(ids)
    assert result["val_loss"] == pytest.approx(nats / len(ids), rel=1e-4)
    assert result["val_bpb"] == pytest.approx(nats / math.log(2) / len(text.encode()), rel=1e-4)
    assert result["perplexity"] == pytest.approx(math.exp(nats / len(ids)), rel=1e-3)


def test_every_token_counts_once_however_long_the_story_and_wide_the_batch():
    lm = random_lm("nanochat")
    results = [evaluate(lm, STORIES, batch_size=size) for size in (1, 2, 7)]
    wanted = sum(len(lm.tokenizer.encode(story)) + 1 for story in STORIES)
    for result in results:
        assert result["tokens"] == wanted
        assert result["bytes"] == sum(len(story.encode()) for story in STORIES)
        assert result["val_loss"] == pytest.approx(results[0]["val_loss"], rel=1e-4)
    parts = [evaluate(lm, [story]) for story in STORIES]
    total = sum(part["val_loss"] * part["tokens"] for part in parts)
    assert results[0]["val_loss"] == pytest.approx(total / wanted, rel=1e-4)


def test_as_many_windows_are_read_at_once_as_their_scores_have_room(monkeypatch):
    lm = random_lm("gpt2")
    shapes, forward = [], type(lm.model).forward

    def watch(model, ids):
        shapes.append(tuple(ids.shape))
        return forward(model, ids)

    whole = evaluate(lm, STORIES, batch_size=4)
    monkeypatch.setattr(type(lm.model), "forward", watch)
    monkeypatch.setattr("slm.evaluate.MOST_SCORES", 2 * 32 * lm.config.vocab_size)
    result = evaluate(lm, STORIES, batch_size=4)
    assert result["tokens"] == whole["tokens"] and result["val_loss"] == pytest.approx(whole["val_loss"], rel=1e-4)
    assert max(rows for rows, _ in shapes) > 1 and all(rows == 1 or rows * T <= 64 for rows, T in shapes)


def test_an_even_guess_is_the_logarithm_of_the_vocabulary():
    lm = random_lm("gpt2")
    with torch.no_grad():
        lm.model.wte.weight.zero_()
    result = evaluate(lm, STORIES)
    assert result["val_loss"] == pytest.approx(math.log(307), rel=1e-5)
    assert result["val_loss_stderr"] == pytest.approx(0.0, abs=1e-5)


def test_the_standard_errors_are_those_of_a_ratio_over_stories():
    losses = StoryLosses(random_lm("gpt2"), ["a", "b", "c"])
    losses.nats, losses.tokens, losses.bytes = np.array([8.0, 4.0, 12.0]), np.array([4, 1, 7]), np.array([10, 2, 12])
    found = losses.summary()
    # 24 nats for 12 tokens are 2 a token: by that the stories cost 0 more, 2 more and 2 less. The variance of what
    # they cost, 8 / (3 - 1), is that of the mean of three by 3, and a story has 12 / 3 tokens.
    assert found["val_loss"] == pytest.approx(2.0)
    assert found["val_loss_stderr"] == pytest.approx(math.sqrt(8 / 2 / 3) / 4)
    # One nat a byte: 2 less, 2 more and 0, for 24 / 3 bytes a story.
    assert found["val_bpb"] == pytest.approx(1 / math.log(2))
    assert found["val_bpb_stderr"] == pytest.approx(math.sqrt(8 / 2 / 3) / 8 / math.log(2))
    alone = losses.summary(np.array([True, False, False]))
    assert (alone["val_loss"], alone["val_loss_stderr"], alone["val_bpb_stderr"]) == (2.0, 0.0, 0.0)


def test_windows_loss_is_the_mean_over_windows_and_stops_when_told():
    lm = random_lm("gpt2")
    ids = np.random.default_rng(1).integers(0, 307, (7, 20))
    x, y = np.ascontiguousarray(ids[:, :-1]), np.ascontiguousarray(ids[:, 1:])
    with torch.no_grad():
        wanted = lm.model.loss(torch.from_numpy(x), torch.from_numpy(y)).item()
    assert windows_loss(lm.model, x, y, batch_size=3) == pytest.approx(wanted, rel=1e-5)
    assert windows_loss(lm.model, x, y, batch_size=3, stop=lambda: True) is None


def test_bits_per_byte_is_the_same_for_one_text_in_two_vocabularies():
    assert bits_per_byte(2.0, tokens=30, bytes=100) == pytest.approx(bits_per_byte(1.0, tokens=60, bytes=100))


def test_nothing_to_evaluate_is_told():
    with pytest.raises(ValueError, match="no stories"):
        evaluate(random_lm("gpt2"), ["", ""])


def test_losses_are_doubled_on_the_cpu_alone(monkeypatch):
    """Apple's GPUs, which no test has, know no float64: each tensor stands for one there until it is moved."""
    cpu, double, moved = torch.Tensor.cpu, torch.Tensor.double, []

    def to_cpu(tensor):
        moved.append(cpu(tensor))
        return moved[-1]

    def doubled(tensor):
        assert any(tensor is other for other in moved)
        return double(tensor)

    monkeypatch.setattr(torch.Tensor, "cpu", to_cpu)
    monkeypatch.setattr(torch.Tensor, "double", doubled)
    assert evaluate(random_lm("gpt2"), STORIES)["stories"] == len(STORIES)
    assert moved
