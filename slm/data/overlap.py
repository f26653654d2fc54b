"""Are the validation stories unseen? How much of each of them stands in the training stories, by runs of 12 words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from slm.config import END_OF_TEXT
from slm.data.batches import Corpus
from slm.data.clean import digest
from slm.data.known import Runs, training_text
from slm.measures import words

RUN_WORDS = 12
CONTAMINATED = 0.5  # share of its runs above which a story counts as seen


class Overlap:
    """What of some stories stands in the training stories; case and punctuation do not count.

    After `search`: `shares` float (N,), the share of each story's runs of RUN_WORDS words that stand there (0 for a
    shorter story), and `exact` bool (N,), whether it is there as a whole.
    """

    def __init__(self, corpus: Corpus, stories: Sequence[str]) -> None:
        self._corpus, self._runs = corpus, Runs(stories, RUN_WORDS)
        self._digests = np.array([_digest(words(story)) for story in stories], dtype=np.uint64)
        self.shares, self.exact = np.zeros(len(stories)), np.zeros(len(stories), dtype=bool)

    def search(self) -> Iterator[int]:
        """Read the training stories, yielding the tokens read so far."""
        for text, done in training_text(self._corpus):
            told = [words(story) for story in text.split(END_OF_TEXT)]
            self._runs.look_in([word for story in told for word in (*story, END_OF_TEXT)])
            self.exact |= np.isin(self._digests, np.array([_digest(story) for story in told], dtype=np.uint64))
            yield done
        found = (self._runs.found(n) for n in range(len(self.shares)))
        self.shares = np.array([runs.mean() if len(runs) else 0.0 for runs in found])

    @property
    def contaminated(self) -> np.ndarray:
        """The stories that count as seen: more than CONTAMINATED of their runs are known, or all of it; bool (N,)."""
        return (self.shares > CONTAMINATED) | self.exact

    def facts(self) -> dict[str, Any]:
        """The figures, with the numbers of the stories that count as seen."""
        return {
            "run_words": RUN_WORDS,
            "seen_above": CONTAMINATED,
            "stories": len(self.shares),
            "contaminated": np.flatnonzero(self.contaminated).tolist(),
            "exact": np.flatnonzero(self.exact).tolist(),
            "mean_share": float(self.shares.mean()),
            "highest_share": float(self.shares.max()),
        }

    def counts(self) -> dict[str, float]:
        """The figures, with how many stories count as seen in place of their numbers."""
        return {name: len(found) if isinstance(found, list) else found for name, found in self.facts().items()}


def _digest(told: Sequence[str]) -> int:
    return digest(" ".join(told))
