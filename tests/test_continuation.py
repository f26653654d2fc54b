"""Ids that continue ids: every path against the plain uncached forward."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from slm import native
from slm.config import SampleConfig
from slm.continuation import generate_ids
from slm.decode import Decoder, newest_tokens
from slm.sampling import draw
from tests.engine import random_lm

PROMPTS = ["Once upon a time", "a", "The little girl said the big day was", ""]


def plain_ids(lm, prompt: list[int], settings: SampleConfig, seed: int) -> list[int]:
    """The reference: no cache, the whole window read anew for each token."""
    generator, seen = torch.Generator().manual_seed(seed), list(prompt)
    start = len(prompt) - len(newest_tokens(prompt, lm.config.block_size))
    for _ in range(settings.max_new_tokens):
        if len(seen) - start > lm.config.block_size:
            start = len(seen) - max(1, lm.config.block_size // 2)
        with torch.no_grad():
            logits = lm.model(torch.tensor([seen[start:]]))[:, -1]
        new = draw(logits, torch.tensor([seen]), settings, generators=[generator]).item()
        if new == lm.tokenizer.eot_id:
            break
        seen.append(new)
    return seen[len(prompt) :]


@pytest.mark.parametrize("name", ["gpt2", "nanochat"])
@pytest.mark.parametrize("temperature", [0.0, 0.9])
@pytest.mark.parametrize("prompt", PROMPTS)
def test_cached_ids_equal_the_plain_forward_far_past_the_context(name, temperature, prompt):
    lm = random_lm(name)
    settings = SampleConfig(max_new_tokens=61, temperature=temperature, top_p=0.98, repetition_penalty=1.1)
    ids = lm.prompt_ids(prompt)
    cached = [new for (new,) in generate_ids(lm.model, ids, settings, eot_id=lm.tokenizer.eot_id, seeds=[5])]
    assert cached == plain_ids(lm, ids, settings, seed=5)
    assert len(cached) > 5


def test_a_story_ends_where_the_model_ends_it():
    lm = random_lm("nanochat")
    settings = SampleConfig(max_new_tokens=97, temperature=1.5, top_p=None)
    lengths = []
    for seed in range(17):
        lengths.append(sum(1 for _ in generate_ids(lm.model, [1], settings, eot_id=3, seeds=[seed])))
    assert min(lengths) < 97
    for column in generate_ids(lm.model, [1], settings, eot_id=3, seeds=list(range(17))):
        assert 3 not in column


@pytest.mark.skipif(native.library() is None, reason="there is no C compiler with OpenMP on this machine")
def test_stories_that_have_ended_are_computed_no_more(monkeypatch):
    lm, rows, step = random_lm("nanochat"), [], Decoder.step
    monkeypatch.setattr(Decoder, "step", lambda decoder, ids: rows.append(len(ids)) or step(decoder, ids))
    settings = SampleConfig(max_new_tokens=23, temperature=1.5, top_p=None)  # in a context of 23: it is not full
    written = list(generate_ids(lm.model, [1], settings, eot_id=3, seeds=list(range(17))))
    stepped = rows.copy()
    assert stepped == [sum(i is not None for i in column) for column in written[:22]] and stepped[-1] < stepped[0]
    for seed, story in enumerate(zip(*written, strict=True)):
        alone = [i for (i,) in generate_ids(lm.model, [1], settings, eot_id=3, seeds=[seed])]
        assert list(story) == alone + [None] * (len(written) - len(alone))


def test_a_story_carried_on_by_one_thread_after_another_leaves_every_count_of_threads_as_it_was():
    lm, before = random_lm("nanochat"), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
            settings = SampleConfig(max_new_tokens=7)
            ids = generate_ids(lm.model, [5], settings, eot_id=lm.tokenizer.eot_id, seeds=[1])
            for worker in (one, other, one):
                worker.submit(next, ids).result()
                counts = [place.submit(torch.get_num_threads).result() for place in (one, other)]
                assert [*counts, torch.get_num_threads()] == [2, 2, 2]
    finally:
        torch.set_num_threads(before)
