"""What a table of pairs knows: equal to counting by hand, right on what is known exactly, honest on small texts."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest

from slm.data.bigrams import bigram_entropy, pair_entropy


def by_hand(train: list[int], validation: list[int], vocab_size: int) -> float:
    pairs, single = Counter(itertools.pairwise(train)), Counter(train)
    total = 0.0
    for a, b in itertools.pairwise(validation):
        after = {y: n for (x, y), n in pairs.items() if x == a}
        share = (single[b] + 1) / (len(train) + vocab_size)
        weight = max(1, len(after))
        total -= math.log((after.get(b, 0) + weight * share) / (sum(after.values()) + weight))
    return total / (len(validation) - 1)


@pytest.mark.parametrize("seed", [3, 5])
def test_equals_counting_by_hand(seed):
    rng = np.random.default_rng(seed)
    train, validation = (rng.integers(0, 11, size=n).astype("<u2") for n in (307, 101))
    ours = pair_entropy(train, validation, vocab_size=13)
    assert ours == pytest.approx(by_hand(train.tolist(), validation.tolist(), 13), rel=1e-9)


def test_reaches_the_entropy_of_a_chain_that_is_known():
    # After each token come two others, equally likely: ln 2, whatever the many tokens are.
    rng, ids = np.random.default_rng(7), [0]
    for step in rng.integers(1, 3, size=60_000):
        ids.append((ids[-1] + int(step)) % 31)
    chain = np.array(ids, dtype="<u2")
    assert pair_entropy(chain[:50_000], chain[50_000:], vocab_size=31) == pytest.approx(math.log(2), abs=0.01)


def test_a_small_text_is_not_known_by_heart():
    rng = np.random.default_rng(11)
    train, validation = (rng.integers(0, 509, size=n).astype("<u2") for n in (601, 601))
    assert pair_entropy(train, validation, vocab_size=509) > 0.9 * math.log(509)


def test_too_little_text_has_none():
    one = np.zeros(1, dtype="<u2")
    assert pair_entropy(one, one, vocab_size=7) is None


def test_a_folder_is_read_as_it_was_written(tmp_path):
    rng = np.random.default_rng(13)
    ids = {split: rng.integers(0, 7, size=n).astype("<u2") for split, n in (("train", 211), ("validation", 53))}
    for split, array in ids.items():
        array.tofile(tmp_path / f"{split}.bin")
    assert bigram_entropy(tmp_path, 7) == pair_entropy(ids["train"], ids["validation"], vocab_size=7)
