"""How well the next token can be guessed from the one before it: what a table of pairs knows of a data set.

It is the line below which a model has learnt to look further back than one token.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from slm.data.batches import ID_TYPE

COUNTED_PAIRS = 10_000_000  # of the training stories: 80 MB of numbers, sorted in a second or two
MEASURED_PAIRS = 1_000_000  # of the validation stories


def bigram_entropy(folder: Path, vocab_size: int) -> float | None:
    """pair_entropy of a data set's folder; of a large one its beginning is read."""
    train = np.fromfile(folder / "train.bin", dtype=ID_TYPE, count=COUNTED_PAIRS + 1)
    validation = np.fromfile(folder / "validation.bin", dtype=ID_TYPE, count=MEASURED_PAIRS + 1)
    return pair_entropy(train, validation, vocab_size=vocab_size)


def pair_entropy(train: np.ndarray, validation: np.ndarray, *, vocab_size: int) -> float | None:
    """Cross-entropy, in nats a token, of the validation ids under pairs counted in the training ids.

    Measured on unseen stories, because a table of pairs knows a small text it was counted in almost by heart. A
    pair that never came gets its share from the frequencies of single tokens (Witten and Bell 1991, method C):
    p(b | a) = (count(a b) + followers(a) p(b)) / (count(a) + followers(a)). None where there are no pairs.
    """
    if len(train) < 2 or len(validation) < 2:
        return None
    pairs, counts = np.unique(_pairs(train, vocab_size), return_counts=True)
    first = pairs // vocab_size
    seen = np.bincount(first, weights=counts, minlength=vocab_size)
    followers = np.bincount(first, minlength=vocab_size)
    single = np.bincount(train, minlength=vocab_size) + 1.0  # none is impossible
    single /= single.sum()

    wanted = _pairs(validation, vocab_size)
    before, after = np.divmod(wanted, vocab_size)
    at = np.minimum(np.searchsorted(pairs, wanted), len(pairs) - 1)
    together = np.where(pairs[at] == wanted, counts[at], 0)
    weight = np.maximum(followers[before], 1)  # 1 for a token that nothing followed yet
    share = (together + weight * single[after]) / (seen[before] + weight)
    return float(-np.log(share).mean())


def _pairs(ids: np.ndarray, vocab_size: int) -> np.ndarray:
    """Each id with the one before it, as one int64."""
    ids = ids.astype(np.int64)
    return ids[:-1] * vocab_size + ids[1:]
