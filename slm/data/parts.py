"""The train and the validation part of a data set while they are written, and some of its stories to show."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from slm.data.batches import ID_TYPE
from slm.data.clean import digest
from slm.data.encode import Encoded

PREVIEW_STORIES = 20
PREVIEW_CHARACTERS = 4_000


@dataclass
class Part:
    """What is known of the train or the validation stories once they are written."""

    vocab_size: int
    stories: int = 0
    tokens: int = 0
    size_bytes: int = 0
    lengths: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.counts = np.zeros(self.vocab_size, dtype=np.int64)

    def write(self, path: Path, encoded: Iterator[Encoded]) -> Iterator[None]:
        """Write the ids to `path` chunk by chunk, yielding after each."""
        with open(path, "wb") as file:
            for chunk in encoded:
                file.write(chunk.ids.astype(ID_TYPE, copy=False).data)
                self.stories += len(chunk.lengths)
                self.tokens += len(chunk.ids)
                self.size_bytes += chunk.size_bytes
                self.counts += np.bincount(chunk.ids, minlength=self.vocab_size)
                self.lengths.update(chunk.lengths.tolist())
                yield

    def summary(self) -> dict[str, int]:
        """What the manifest says of the part."""
        return {"stories": self.stories, "tokens": self.tokens, "bytes": self.size_bytes}

    def unigram_entropy(self) -> float:
        """Entropy of the tokens' frequencies, end-of-text among them, in nats a token."""
        shares = self.counts[self.counts > 0] / self.tokens
        return float(-(shares * np.log(shares)).sum())

    def histogram(self) -> dict[str, list[int]]:
        """Stories by length: counts[i] have edges[i] to edges[i + 1] - 1 tokens; at most 25 steps of a round size."""
        longest = max(self.lengths)
        step = next(n * 10**k for k in range(12) for n in (1, 2, 5) if n * 10**k * 25 > longest)
        counts = [0] * (longest // step + 1)
        for length, stories in self.lengths.items():
            counts[length // step] += stories
        return {"edges": [i * step for i in range(len(counts) + 1)], "counts": counts}


class Preview:
    """Some stories from all over a stream: those with the lowest hashes."""

    def __init__(self) -> None:
        self._kept: list[tuple[int, str]] = []

    def watch(self, stories: Iterable[str]) -> Iterator[str]:
        """The same stories; some of those that pass are kept."""
        for story in stories:
            entry = (-digest(story, seed=0), story)
            if len(self._kept) < PREVIEW_STORIES:
                heapq.heappush(self._kept, entry)
            elif entry > self._kept[0]:
                heapq.heapreplace(self._kept, entry)
            yield story

    def stories(self) -> list[str]:
        """Those kept, at most PREVIEW_CHARACTERS of each."""
        return [story[:PREVIEW_CHARACTERS] for _, story in sorted(self._kept, reverse=True)]
