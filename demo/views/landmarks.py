"""Losses that mean something: horizontal lines in the loss chart that tell a beginner how far a curve has come."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from demo.views.words import BITS_PER_BYTE, VALIDATION_LOSS, finite, get
from slm.forecast import is_tinystories

# Its own output: 2.39 nats a GPT-2 token, 4.14 bytes of TinyStories in each.
NOTEBOOK_NATS, NOTEBOOK_BYTES_PER_TOKEN = 2.39, 4.14
MOST_EARLIER_RUNS = 2


@dataclass(frozen=True)
class Landmark:
    """A loss that means something, in nats per token of the data set's vocabulary, or in bits per byte alone.

    One measured with another vocabulary has no `nats` here, since its tokens are of another length: the chart makes
    nats a token of this vocabulary of its bits.
    """

    label: str
    nats: float | None = None
    explanation: str = ""
    bpb: float | None = None


def landmarks_for(manifest: Mapping[str, Any]) -> list[Landmark]:
    """What is known of a data set without training on it, the highest loss first; empty for an empty manifest."""
    vocab_size = finite(manifest.get("vocab_size"))
    unigram, bigram = finite(manifest.get("unigram_entropy")), finite(manifest.get("bigram_entropy"))
    marks = []
    if vocab_size and vocab_size > 1:
        why = f"Every one of the {vocab_size:,.0f} tokens is held to be equally likely: ln {vocab_size:,.0f}."
        marks.append(Landmark("guessing blindly", math.log(vocab_size), why))
    if unigram and unigram > 0:
        why = "The model has learnt which tokens are common, but no order yet."
        marks.append(Landmark("word frequencies only", unigram, why))
    if bigram and bigram > 0:
        why = "As good as a table of what usually follows each token; below it the model looks further back."
        marks.append(Landmark("pairs of words only", bigram, why))
    if is_tinystories(str(manifest.get("source", ""))):
        bpb = NOTEBOOK_NATS / math.log(2) / NOTEBOOK_BYTES_PER_TOKEN
        why = (
            f"The widespread notebook ends at {NOTEBOOK_NATS} nats a GPT-2 token after 82 M tokens of these stories, "
            f"which is {bpb:.2f} {BITS_PER_BYTE}: the line stands where that is in this chart."
        )
        marks.append(Landmark("the well-known notebook", None, why, bpb))
    return marks


def earlier_runs(runs: Sequence[Any], shown: Any) -> list[Landmark]:
    """Where earlier runs on the same data ended: the best of them and the newest."""
    begun = finite(get(shown, "created")) or 0.0
    like = [
        run
        for run in runs
        if get(run, "name") != get(shown, "name")
        and get(run, "data") == get(shown, "data")
        and get(run, "status") in ("finished", "stopped")
        and (finite(get(run, "created")) or 0.0) <= begun
        and finite(get(run, "val_bpb"))
    ]
    best = sorted(like, key=lambda run: get(run, "val_bpb"))[:1]
    newest = sorted(like, key=lambda run: -(finite(get(run, "created")) or 0.0))
    kept = [*best, *(run for run in newest if run not in best)][:MOST_EARLIER_RUNS]
    why = f"The lowest {VALIDATION_LOSS} of an earlier run on the same stories."
    return [
        Landmark(f"run {get(run, 'name')}", finite(get(run, "val_loss")), why, finite(get(run, "val_bpb")))
        for run in kept
    ]
