"""What is seen inside a model, against transformers and against plain arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from slm.config import ModelConfig
from slm.generate import LanguageModel
from slm.inspection import score_written
from tests.engine import SHAPES, random_lm, random_model, small_tokenizer
from tests.test_model import transformers_model

TEXT = "Once upon a time there was"


@pytest.mark.parametrize("name", SHAPES)
def test_attention_equals_that_of_transformers(name):
    lm = random_lm(name)
    reference = transformers_model(lm.model)
    reference.set_attn_implementation("eager")
    seen = lm.inspect(TEXT)
    with torch.no_grad():
        theirs = reference(torch.tensor([seen.ids]), output_attentions=True).attentions
    assert len(seen.ids) > 5
    np.testing.assert_allclose(seen.attention, torch.stack(theirs)[:, 0].numpy(), atol=1e-5)


@pytest.mark.parametrize("name", SHAPES)
def test_the_last_layer_and_the_bars_are_the_models_own_next_token(name):
    lm = random_lm(name)
    seen = lm.inspect(TEXT, top=7)
    with torch.no_grad():
        probs = lm.model(torch.tensor([seen.ids]))[0].softmax(-1)  # (T, V)
    likeliest, which = probs.max(-1)
    assert [(i, piece) for i, piece, _ in seen.lens[-1]] == [(i, lm.tokenizer.decode([i])) for i in which.tolist()]
    np.testing.assert_allclose([p for _, _, p in seen.lens[-1]], likeliest, rtol=1e-5)
    assert [[i for i, _, _ in bars] for bars in seen.probs] == probs.topk(7).indices.tolist()
    np.testing.assert_allclose(seen.entropy, -(probs * probs.log()).sum(-1), rtol=1e-4)
    for t, foreseen in enumerate(seen.foreseen[1:]):
        came = probs[t, seen.ids[t + 1]]
        assert foreseen == (pytest.approx(came.item(), rel=1e-4), 1 + int((probs[t] > came).sum()))
    assert seen.foreseen[0] is None


def test_a_layer_guesses_what_the_model_would_say_if_it_ended_there():
    lm = random_lm("gpt2")
    seen = lm.inspect(TEXT)
    lm.model.h = lm.model.h[:2]
    assert lm.inspect(TEXT).lens[-1] == seen.lens[1] != seen.lens[2]


@pytest.mark.parametrize(("most", "read"), [(None, 23), (7, 7), (97, 23)])
def test_of_a_text_longer_than_the_context_the_end_is_seen(most, read):
    lm = random_lm("gpt2")
    ids = lm.tokenizer.encode("a big day " * 40)
    seen = lm.inspect("a big day " * 40, most=most)
    assert (seen.ids, seen.skipped) == (ids[-read:], len(ids) - read)
    assert seen.attention.shape[-1] == read
    assert lm.inspect(TEXT).skipped == 0


def test_one_token_is_looked_into_too():
    seen = random_lm("nanochat").inspect("a")
    assert (len(seen.ids), seen.foreseen, seen.attention.tolist()) == (1, [None], [[[[1.0]]] * 3] * 3)


@pytest.mark.parametrize("tied", [True, False])
def test_neighbours_are_those_of_a_search_through_all(tied):
    tokenizer = small_tokenizer()
    config = ModelConfig(**SHAPES["nanochat"], block_size=23, vocab_size=tokenizer.vocab_size, tied=tied)
    lm = LanguageModel(random_model(config), tokenizer)
    table = lm.model.wte.weight.detach().numpy().astype(np.float64)
    for token, found in zip([5, 301], lm.neighbours([5, 301], top=11), strict=True):
        cosines = [row @ table[token] / np.linalg.norm(row) / np.linalg.norm(table[token]) for row in table]
        order = sorted(range(len(table)), key=lambda i: -cosines[i])[:12]
        assert order[0] == token
        assert [near.id for near in found] == order
        assert [near.text for near in found] == [tokenizer.decode([i]) for i in order]
        np.testing.assert_allclose([near.similarity for near in found], [cosines[i] for i in order], atol=1e-6)


def test_the_map_shows_the_two_directions_in_which_the_neighbours_differ_most():
    lm = random_lm("gpt2")
    (found,) = lm.neighbours([5], top=11)
    rows = lm.model.wte.weight.detach().numpy()[[near.id for near in found]].astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    u, s, _ = np.linalg.svd(rows - rows.mean(0))
    places = np.array([(near.x, near.y) for near in found])
    np.testing.assert_allclose(np.abs(places), np.abs(u[:, :2] * s[:2]), atol=1e-5)
    assert (places[0] <= 0).all()


def test_a_token_stands_first_even_where_another_is_just_like_it():
    lm = random_lm("gpt2")
    with torch.no_grad():
        lm.model.wte.weight[3] = 2 * lm.model.wte.weight[200]
    for token, twin in ((3, 200), (200, 3)):
        (found,) = lm.neighbours([token], top=5)
        assert [near.id for near in found[:2]] == [token, twin]
        assert found[1].similarity == pytest.approx(1.0)


def test_a_vocabulary_smaller_than_the_list_is_listed_whole():
    lm = random_lm("gpt2")
    (found,) = lm.neighbours([5], top=10_000)
    assert len(found) == lm.config.vocab_size
    assert lm.neighbours([], top=3) == []


@pytest.mark.parametrize("name", SHAPES)
def test_inside_and_the_scores_say_the_same_of_what_follows_the_first_token(name):
    lm = random_lm(name)
    seen = lm.inspect(TEXT, top=7)
    scores = score_written(lm.model, lm.tokenizer, seen.ids[:1], seen.ids[1:], top=7)
    for t, score in enumerate(scores):
        assert seen.foreseen[t + 1] == (pytest.approx(np.exp(score.logprob), rel=1e-4), score.rank)
        assert seen.entropy[t] == pytest.approx(score.entropy, rel=1e-4)
        assert [i for i, _, _ in seen.probs[t]] == [i for i, _, _ in score.alternatives]
