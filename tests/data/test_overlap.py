"""Validation stories that stand in the training stories are found, and only they."""

from __future__ import annotations

from pathlib import Path

import pytest

from slm.data.batches import Corpus
from slm.data.known import stories_of
from slm.data.overlap import RUN_WORDS, Overlap
from slm.measures import runs, words


def test_whole_half_and_unseen_stories_are_told_apart(starter_data: Path):
    corpus = Corpus(starter_data / "starter")
    training = list(stories_of(corpus.train, corpus.tokenizer))
    half = " ".join(words(training[7])[:24]) + " and then a purple walrus quietly ate eleven enormous pancakes."
    unseen = "A purple walrus ate eleven pancakes in the bath " * 3
    stories = [training[5].upper().replace(".", "!"), half, unseen, "Hi."]
    overlap = Overlap(corpus, stories)
    assert list(overlap.search())[-1] == len(corpus.train)
    assert overlap.exact.tolist() == [True, False, False, False]
    assert overlap.shares[0] == 1 and overlap.shares[2] == overlap.shares[3] == 0
    there = {run for story in training for run in runs(story, RUN_WORDS)}
    wanted = runs(half, RUN_WORDS)
    assert overlap.shares[1] == pytest.approx(sum(run in there for run in wanted) / len(wanted))
    assert 0.5 < overlap.shares[1] < 1
    assert overlap.contaminated.tolist() == [True, True, False, False]
    facts = overlap.facts()
    assert (facts["contaminated"], facts["exact"], facts["stories"]) == ([0, 1], [0], 4)
    assert overlap.counts() == {**facts, "contaminated": 2, "exact": 1}
