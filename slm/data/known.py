"""What the training stories hold: their words, the names in them, and which runs of words they share with other texts.

One pass over the stories, a piece at a time, whatever their size; runs are looked for by 64-bit hashes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import repeat

import numpy as np

from slm.data.batches import Corpus
from slm.measures import words
from slm.tokenizer import Tokenizer
from slm.word_lists import FEMALE_NOUNS, MALE_NOUNS, NO_NAMES

PIECE_TOKENS = 1 << 18
_INSIDE = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+\b")  # a capital in the middle of a sentence
_CAPITAL = re.compile(r"\b[A-Z][a-z]+\b")
_NAMED = re.compile(
    rf"\b({'|'.join(sorted(FEMALE_NOUNS | MALE_NOUNS))}),? (?:whose name was |named |called )([A-Z][a-z]+)\b"
)
_OWN = re.compile(  # "Tim and his mom", "Lily lost her toy"
    r"\b([A-Z][a-z]+) [a-z]+ (his|her) (?:mom|mommy|mum|mother|dad|daddy|father|friends?|head|hands?|eyes|toys?)\b"
)
LEAST_MENTIONS = 2
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


class Runs:
    """The runs of `size` neighbouring words in some texts, and which of them the training stories hold."""

    def __init__(self, texts: Sequence[str], size: int) -> None:
        self.size = size
        self._words = [words(text) for text in texts]
        self._id = {word: n for n, word in enumerate(sorted({w for told in self._words for w in told}), 1)}
        self._hashes = [self._hashed(told) for told in self._words]
        self._wanted = np.unique(np.concatenate([np.zeros(0, np.uint64), *self._hashes]))
        self._found = np.zeros(len(self._wanted), dtype=bool)

    def look_in(self, told: Sequence[str]) -> None:
        """Mark the runs that stand among these words of training stories."""
        hashes = self._hashed(told)
        places = np.searchsorted(self._wanted, hashes)
        places[places == len(self._wanted)] = 0
        if len(self._wanted):
            self._found[places[self._wanted[places] == hashes]] = True

    def found(self, text: int) -> np.ndarray:
        """For each run of a text in its order, whether the training stories hold it; bool (runs,)."""
        return self._found[np.searchsorted(self._wanted, self._hashes[text])]

    def copied(self) -> frozenset[tuple[str, ...]]:
        """The runs of all texts that the training stories hold."""
        return frozenset(
            tuple(told[i : i + self.size]) for n, told in enumerate(self._words) for i in np.flatnonzero(self.found(n))
        )

    def _hashed(self, told: Sequence[str]) -> np.ndarray:
        """The hash of each run, uint64 (len(told) - size + 1,); words of no text count as 0."""
        ids = np.fromiter(map(self._id.get, told, repeat(0)), dtype=np.uint64, count=len(told))
        count = max(0, len(ids) - self.size + 1)
        total = np.zeros(count, dtype=np.uint64)
        for place in range(self.size):
            total = total * MULTIPLIER + ids[place : place + count]
        return total


class Vocabulary:
    """The words of the training stories, the names among them, and whether a name is a girl's or a boy's."""

    def __init__(self) -> None:
        self.words: Counter[str] = Counter()
        self._inside: Counter[str] = Counter()
        self._capital: Counter[str] = Counter()
        self._named: Counter[tuple[str, str]] = Counter()

    def look_in(self, text: str, told: Sequence[str]) -> None:
        """Take in a piece of the training stories and its words."""
        self.words.update(told)
        self._inside.update(_INSIDE.findall(text))
        self._capital.update(_CAPITAL.findall(text))
        self._named.update((name, "female" if noun in FEMALE_NOUNS else "male") for noun, name in _NAMED.findall(text))
        self._named.update((name, "female" if own == "her" else "male") for name, own in _OWN.findall(text))

    def names(self) -> frozenset[str]:
        """Words that stand with a capital inside sentences oftener than they stand without one anywhere."""
        return frozenset(
            word
            for word, count in self._inside.items()
            if count >= LEAST_MENTIONS
            and count > self.words[word.lower()] - self._capital[word]
            and word not in NO_NAMES
        )

    def sexes(self) -> dict[str, str]:
        """Names to "female" or "male", where three quarters of what is told of their bearers agree.

        What is told: "a girl named Lily", "Tim and his mom".
        """
        sexes = {}
        for name in self.names():
            female, male = self._named[name, "female"], self._named[name, "male"]
            if max(female, male) >= max(LEAST_MENTIONS, 0.75 * (female + male)):
                sexes[name] = "female" if female > male else "male"
        return sexes


def training_text(corpus: Corpus) -> Iterator[tuple[str, int]]:
    """The training stories as pieces of text that end with a story, and the tokens that were read so far."""
    ids, eot, begin = corpus.train, corpus.tokenizer.eot_id, 0
    while begin < len(ids):
        end = min(begin + PIECE_TOKENS, len(ids))
        ends = np.flatnonzero(ids[begin:end] == eot)
        if len(ends) and end < len(ids):
            end = begin + int(ends[-1]) + 1
        yield corpus.tokenizer.decode(ids[begin:end].tolist()), end
        begin = end


def stories_of(ids: np.ndarray, tokenizer: Tokenizer) -> Iterator[str]:
    """The stories of a stream of ids in which each is followed by end-of-text; empty ones are left out."""
    ends = np.append(np.flatnonzero(ids == tokenizer.eot_id), len(ids))
    begin = 0
    for end in ends.tolist():
        if end > begin:
            yield tokenizer.decode(ids[begin:end].tolist())
        begin = end + 1
