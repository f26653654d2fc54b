"""A text's scores against the plain forward, which reads each beginning of it anew."""

from __future__ import annotations

import pytest
import torch

from slm.generate import LanguageModel
from tests.engine import SHAPES, random_lm

TEXT = "Once upon a time there was"


def plain_probs(lm: LanguageModel, ids: list[int]) -> list[torch.Tensor]:
    """Before each of ids, the probabilities (V,) that a model without a cache gives the next token."""
    beginnings = [[lm.tokenizer.eot_id, *ids[:t]] for t in range(len(ids))]
    with torch.no_grad():
        return [lm.model(torch.tensor([seen]))[0, -1].double().softmax(-1) for seen in beginnings]


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("top", [1, 7, 307, 401])
def test_alternatives_are_the_likeliest_tokens_of_the_uncached_forward(name, top):
    lm = random_lm(name)
    ids = lm.tokenizer.encode(TEXT)
    scores = lm.score(TEXT, top=top)
    assert [(score.id, score.text) for score in scores] == [(i, lm.tokenizer.decode([i])) for i in ids]
    for score, probs in zip(scores, plain_probs(lm, ids), strict=True):
        best = probs.topk(min(top, lm.config.vocab_size))
        told_ids, told_texts, told_probs = zip(*score.alternatives, strict=True)
        assert told_texts == tuple(lm.tokenizer.decode([i]) for i in told_ids)
        assert told_probs == pytest.approx(best.values.tolist(), rel=1e-4)
        assert list(told_probs) == sorted(told_probs, reverse=True)
        # By their probabilities, too: two that are as likely to the last digit may stand either way round.
        assert probs[list(told_ids)].tolist() == pytest.approx(best.values.tolist(), rel=1e-4)
        assert len(set(told_ids)) == len(told_ids)
        assert told_ids[0] == best.indices[0]
        assert score.logprob == pytest.approx(probs[score.id].log().item(), abs=1e-4)
        assert score.rank == 1 + int((probs > probs[score.id]).sum())
        assert score.entropy == pytest.approx(-(probs * probs.log()).sum().item(), rel=1e-4)


@pytest.mark.parametrize("name", SHAPES)
def test_alternatives_of_a_written_story_are_those_of_the_same_text(name):
    lm = random_lm(name)
    ids = lm.tokenizer.encode(TEXT)
    written = lm.score_written("", ids, top=7)  # nothing typed is the beginning of a story
    for score, probs in zip(written, plain_probs(lm, ids), strict=True):
        best = probs.topk(7)
        assert [i for i, _, _ in score.alternatives] == best.indices.tolist()
        assert [p for _, _, p in score.alternatives] == pytest.approx(best.values.tolist(), rel=1e-4)
