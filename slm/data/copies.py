"""Did it copy? The stretches of a story that stand word for word in the training stories, by an index over them all.

    data/NAME/copies/
      order.bin     the places of train.bin, ordered by what follows them (slm.data.order)
      index.json    see build_index
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slm.data.batches import Corpus
from slm.data.order import Order, shape, size_bytes, write_order
from slm.files import read_json, replacing, write_json
from slm.leftovers import claim, release, remove_leftovers
from slm.texts import check_length

COPIES = "copies"
INDEX_FILE = "index.json"
ORDER_FILE = "order.bin"
VERSION = 1
LEAST_TOKENS = 12  # of a stretch that is worth showing
UNSEEN_STORIES, UNSEEN_TOKENS = 64, 200  # validation stories that say what is usual, cut to a usual length
MOST_STORY_TOKENS = 20_000  # looked through for the ends of the story around a place


@dataclass(frozen=True)
class Match:
    """A stretch of a text that stands in the training stories: characters `begin` to `end`, and where it stands."""

    begin: int
    end: int
    tokens: int
    words: int
    text: str
    place: int  # of its first token among the training tokens


@dataclass(frozen=True)
class Copied:
    """What of a text stands in the training stories.

    `matches` do not overlap and come in the text's order; `longest` may be too short to be one of them, and is None
    where not one token is there. `share` is the tokens inside matches among all. `usual_words` is the longest stretch
    of a story that the model has never seen, the median over validation stories.
    """

    text: str
    matches: list[Match]
    longest: Match | None
    share: float
    usual_words: float


def has_index(folder: str | Path) -> bool:
    """Whether a data set has an index for the copy check, of the version that is read here."""
    try:
        return read_json(Path(folder) / COPIES / INDEX_FILE).get("version") == VERSION
    except (FileNotFoundError, NotADirectoryError, ValueError, AttributeError):
        return False


def build_index(folder: str | Path) -> Iterator[int]:
    """Make the index of a prepared data set, yielding how many of its training tokens are done.

    It appears when it is whole and only then replaces an earlier one; a kill leaves none of it in use. Raises
    ValueError for a damaged data set. Memory: that of `write_order`.
    """
    begun = time.monotonic()
    corpus = Corpus(folder)
    remove_leftovers(corpus.folder)
    with replacing(corpus.folder / COPIES) as part:
        part.mkdir()
        claim(part)
        yield from write_order(corpus.train, part / ORDER_FILE)
        about = {
            "version": VERSION,
            "fingerprint": corpus.fingerprint,
            "tokens": len(corpus.train),
            **shape(),
            "usual_words": 0.0,
        }
        write_json(part / INDEX_FILE, about)
        usual = _usual_words(CopyIndex(corpus.folder, part))
        write_json(part / INDEX_FILE, {**about, "usual_words": usual, "elapsed_s": time.monotonic() - begun})
        release(part)


def index_mb(folder: str | Path) -> float:
    """The size of a data set's index on disk."""
    return (Path(folder) / COPIES / ORDER_FILE).stat().st_size / 1e6


class CopyIndex:
    """The index of a data set, opened for reading; tokens and places stay on disk until a search asks for them."""

    def __init__(self, folder: str | Path, place: Path | None = None) -> None:
        """ValueError where the data set has no index, or one of other stories."""
        corpus, place = Corpus(folder), place or Path(folder) / COPIES
        ours = {"version": VERSION, **shape()}
        again = f"python -m slm copied --data {Path(folder).name} --rebuild makes it"
        try:
            self.about: dict[str, Any] = read_json(place / INDEX_FILE)
            kept = {name: self.about[name] for name in ours}
            fits = (self.about["fingerprint"], self.about["tokens"]) == (corpus.fingerprint, len(corpus.train))
            size = (place / ORDER_FILE).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            raise ValueError(f"data set {Path(folder).name} has no index for the copy check: {again}") from None
        except (KeyError, TypeError, ValueError) as error:
            damaged = f"the index of {Path(folder).name} for the copy check is damaged"
            raise ValueError(f"{damaged} ({error}): {again} anew") from None
        if not fits or kept != ours or size != size_bytes(len(corpus.train)):
            raise ValueError(f"the index of {Path(folder).name} for the copy check does not fit it: {again} anew")
        self.corpus = corpus
        self._ids = np.asarray(corpus.train)
        self._order = Order(self._ids, place / ORDER_FILE)

    def find(self, text: str, *, least_tokens: int = LEAST_TOKENS) -> Copied:
        """The stretches of `text`, of `least_tokens` or more, that stand in the training stories.

        No stretch is shown longer than it is; one may be shown up to seven tokens too short (one less than
        `order.STRIDE`) where many training stories share all the rest of it. ValueError for a text with half a
        surrogate pair in it, or of more than texts.MAX_CHARACTERS.
        """
        check_length(text, "the text", advice="look for a part of it at a time")
        ids = np.array(self.corpus.tokenizer.encode(text), dtype=np.int64)
        found = sorted(self.stretches(ids), key=lambda s: (s[0] - s[1], s[0]))
        taken = np.zeros(len(ids), dtype=bool)
        chosen = []
        for begin, end, place in found:
            free = np.flatnonzero(~taken[begin:end])
            if not len(free):
                continue
            # What a longer stretch has taken already lies at the ends: a stretch inside another was left out before.
            first, last = begin + int(free[0]), begin + int(free[-1]) + 1
            if last - first >= least_tokens:
                taken[first:last] = True
                chosen.append((first, last, place + first - begin))
        longest = self._match(ids, *found[0]) if found else None
        matches = [self._match(ids, *stretch) for stretch in sorted(chosen)]
        share = float(taken.mean()) if len(ids) else 0.0
        return Copied(text, matches, longest, share, self.about["usual_words"])

    def story_around(self, place: int) -> str:
        """The training story that holds the token at `place`."""
        eot = self.corpus.tokenizer.eot_id
        begin, end = max(0, place - MOST_STORY_TOKENS), place + MOST_STORY_TOKENS
        before, after = self._ids[begin:place] == eot, self._ids[place:end] == eot
        first = begin + int(np.flatnonzero(before)[-1]) + 1 if before.any() else begin
        last = place + int(np.argmax(after)) if after.any() else end
        return self.corpus.tokenizer.decode(self._ids[first:last].tolist())

    def stretches(self, ids: np.ndarray) -> list[tuple[int, int, int]]:
        """(begin, end, place) of the stretches of `ids` that stand in the training stories (Order.stretches)."""
        return self._order.stretches(ids)

    def _match(self, ids: np.ndarray, begin: int, end: int, place: int) -> Match:
        """A stretch of tokens as a stretch of the text."""
        decode = self.corpus.tokenizer.decode_bytes
        # A token may end inside a character; what is no whole character yet does not count.
        first, last = (len(decode(ids[:n].tolist()).decode(errors="ignore")) for n in (begin, end))
        text = decode(ids[begin:end].tolist()).decode(errors="ignore")
        return Match(first, last, end - begin, len(text.split()), text, place)


def _usual_words(index: CopyIndex) -> float:
    """The words of the longest stretch in a story of the validation part, the median over some of them."""
    ids, eot = np.asarray(index.corpus.validation), index.corpus.tokenizer.eot_id
    begins = np.append(0, np.flatnonzero(ids == eot)[:-1] + 1)
    longest = []
    for begin in begins[np.linspace(0, len(begins) - 1, min(len(begins), UNSEEN_STORIES)).astype(int)]:
        story = ids[begin : begin + UNSEEN_TOKENS].astype(np.int64)
        story = story[: int(np.argmax(story == eot))] if (story == eot).any() else story
        found = index.stretches(story)
        if found:
            first, last, _ = max(found, key=lambda s: s[1] - s[0])
            longest.append(len(index.corpus.tokenizer.decode(story[first:last].tolist()).split()))
    return float(statistics.median(longest)) if longest else 0.0
