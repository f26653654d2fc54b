"""Did it copy? The stretches of a story that stand word for word in the training stories, by an index over them all.

    data/NAME/copies/
      order.bin     uint32: every STRIDE-th place of train.bin, ordered by the DEPTH tokens that follow it
      index.json    see build_index

It is a suffix array (Manber and Myers 1993) made sparse, so that it takes half a byte a token, and made in pieces, so
that its making takes little memory: each piece of PIECE tokens is ordered for itself. A stretch of STRIDE tokens or
more holds an indexed place, and what follows that place stands beside its like in the order.
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
from slm.files import read_json, replacing, write_json
from slm.leftovers import claim, release, remove_leftovers

COPIES = "copies"
VERSION = 1
STRIDE = 8
DEPTH = 64  # tokens by which places are ordered; a multiple of the four that fit one key
PIECE = 1 << 25
NEIGHBOURS = 8  # places looked at on either side of where a stretch belongs in the order
ROWS_AT_ONCE = 512
LEAST_TOKENS = 12  # of a stretch that is worth showing
UNSEEN_STORIES, UNSEEN_TOKENS = 64, 200  # validation stories that say what is usual, cut to a usual length
MOST_STORY_TOKENS = 20_000  # looked through for the ends of the story around a place
PLACE_TYPE = np.dtype("<u4")


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
    """Whether a data set has an index for the copy check that belongs to it."""
    try:
        return read_json(Path(folder) / COPIES / "index.json").get("version") == VERSION
    except (FileNotFoundError, NotADirectoryError, ValueError, AttributeError):
        return False


def build_index(folder: str | Path) -> Iterator[int]:
    """Make the index of a prepared data set, yielding how many of its training tokens are done.

    It appears when it is whole and only then replaces an earlier one; a kill leaves none of it in use. Raises
    ValueError for a damaged data set. Memory: about 25 bytes an indexed place of one piece (100 MB).
    """
    begun = time.monotonic()
    corpus = Corpus(folder)
    remove_leftovers(corpus.folder)
    with replacing(corpus.folder / COPIES) as part:
        part.mkdir()
        claim(part)
        with open(part / "order.bin", "wb") as file:
            for begin in range(0, len(corpus.train), PIECE):
                end = min(begin + PIECE, len(corpus.train))
                window = np.zeros(end - begin + DEPTH, dtype=np.uint16)
                seen = corpus.train[begin : begin + len(window)]
                window[: len(seen)] = seen
                file.write(_ordered_places(window, end - begin).astype(PLACE_TYPE).data)
                yield end
        about = {
            "version": VERSION,
            "fingerprint": corpus.fingerprint,
            "tokens": len(corpus.train),
            "stride": STRIDE,
            "depth": DEPTH,
            "piece_tokens": PIECE,
            "usual_words": 0.0,
        }
        write_json(part / "index.json", about)
        usual = _usual_words(CopyIndex(corpus.folder, part))
        write_json(part / "index.json", {**about, "usual_words": usual, "elapsed_s": time.monotonic() - begun})
        release(part)


class CopyIndex:
    """The index of a data set, opened for reading; tokens and places stay on disk until a search asks for them."""

    def __init__(self, folder: str | Path, place: Path | None = None) -> None:
        """ValueError where the data set has no index, or one of other stories."""
        corpus, place = Corpus(folder), place or Path(folder) / COPIES
        again = f"python -m slm copied --data {Path(folder).name} --rebuild makes it"
        try:
            self.about: dict[str, Any] = read_json(place / "index.json")
            shape = {name: self.about[name] for name in ("version", "stride", "depth", "piece_tokens")}
            fits = (self.about["fingerprint"], self.about["tokens"]) == (corpus.fingerprint, len(corpus.train))
            size = (place / "order.bin").stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            raise ValueError(f"data set {Path(folder).name} has no index for the copy check: {again}") from None
        except (KeyError, TypeError, ValueError) as error:
            damaged = f"the index of {Path(folder).name} for the copy check is damaged"
            raise ValueError(f"{damaged} ({error}): {again} anew") from None
        ours = {"version": VERSION, "stride": STRIDE, "depth": DEPTH, "piece_tokens": PIECE}
        pieces = _pieces(len(corpus.train))
        if not fits or shape != ours or size != sum(map(_places, pieces)) * PLACE_TYPE.itemsize:
            raise ValueError(f"the index of {Path(folder).name} for the copy check does not fit it: {again} anew")
        self.corpus = corpus
        self._ids = np.asarray(corpus.train)
        order = np.asarray(np.memmap(place / "order.bin", dtype=PLACE_TYPE, mode="r"))
        ends = np.cumsum([_places(piece) for piece in pieces])
        self._pieces = [
            (number * PIECE, order[end - _places(piece) : end])
            for number, (piece, end) in enumerate(zip(pieces, ends, strict=True))
        ]

    def find(self, text: str, *, least_tokens: int = LEAST_TOKENS) -> Copied:
        """The stretches of `text`, of `least_tokens` or more, that stand in the training stories.

        No stretch is shown longer than it is; one may be shown up to STRIDE - 1 tokens too short where many training
        stories share all the rest of it. ValueError for a text with half a surrogate pair in it.
        """
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

    def _match(self, ids: np.ndarray, begin: int, end: int, place: int) -> Match:
        """A stretch of tokens as a stretch of the text."""
        decode = self.corpus.tokenizer.decode_bytes
        # A token may end inside a character; what is no whole character yet does not count.
        first, last = (len(decode(ids[:n].tolist()).decode(errors="ignore")) for n in (begin, end))
        text = decode(ids[begin:end].tolist()).decode(errors="ignore")
        return Match(first, last, end - begin, len(text.split()), text, place)

    def stretches(self, ids: np.ndarray) -> list[tuple[int, int, int]]:
        """(begin, end, place) of the longest stretch found from each token on, without those inside another."""
        best = np.zeros((len(ids), 3), dtype=np.int64)  # tokens before the row's own, tokens from it on, place
        for begin in range(0, len(ids), ROWS_AT_ONCE):
            rows = np.arange(begin, min(begin + ROWS_AT_ONCE, len(ids)))
            for offset, order in self._pieces:
                self._search(ids, rows, offset, order, best)
        spans = {(i - left, i + right, place - left) for i, (left, right, place) in enumerate(best.tolist()) if right}
        kept: list[tuple[int, int, int]] = []
        for begin, end, place in sorted(spans, key=lambda s: (s[0], -s[1])):
            if not kept or end > kept[-1][1]:
                kept.append((begin, end, place))
        return kept

    def _search(self, ids: np.ndarray, rows: np.ndarray, offset: int, order: np.ndarray, best: np.ndarray) -> None:
        """Put into `best` what one piece has to offer for the stretches that begin at `rows`."""
        wanted = _windows(ids, rows, DEPTH, fill=-1)
        low, high = np.zeros(len(rows), dtype=np.int64), np.full(len(rows), len(order))
        while (open_ := low < high).any():
            middle = (low + high) // 2
            places = offset + order[np.minimum(middle, len(order) - 1)].astype(np.int64)
            below = _is_below(_windows(self._ids, places, DEPTH, fill=0), wanted)
            low = np.where(open_ & below, middle + 1, low)
            high = np.where(open_ & ~below, middle, high)
        near = low[:, None] + np.arange(-NEIGHBOURS, NEIGHBOURS)
        inside = (near >= 0) & (near < len(order))
        places = offset + order[np.clip(near, 0, len(order) - 1)].astype(np.int64)
        right = _same(_windows(self._ids, places.ravel(), DEPTH, fill=-2).reshape(*places.shape, DEPTH), wanted)
        right[~inside] = 0
        for row, column in np.argwhere(right == DEPTH):
            right[row, column] = _length_shared(ids[rows[row] :], self._ids[places[row, column] :][: len(ids)])
        back = np.arange(-1, -STRIDE, -1)
        before = _windows(ids, rows, STRIDE - 1, fill=-1, steps=back)
        theirs = _windows(self._ids, places.ravel(), STRIDE - 1, fill=-2, steps=back)
        left = _same(theirs.reshape(*places.shape, STRIDE - 1), before)
        left[right == 0] = 0
        choice = np.argmax(left + right, axis=1)
        here = np.arange(len(rows))
        offered = np.stack([left[here, choice], right[here, choice], places[here, choice]], axis=1)
        longer = offered[:, :2].sum(1) > best[rows, :2].sum(1)
        best[rows[longer]] = offered[longer]


def _pieces(tokens: int) -> list[int]:
    """The sizes, in tokens, of the pieces that are ordered for themselves."""
    return [min(PIECE, tokens - begin) for begin in range(0, tokens, PIECE)]


def _places(tokens: int) -> int:
    return -(-tokens // STRIDE)


def _ordered_places(window: np.ndarray, tokens: int) -> np.ndarray:
    """Every STRIDE-th place before `tokens` in the order of the DEPTH ids of `window` that begin there."""
    order = np.arange(0, tokens, STRIDE, dtype=np.int64)
    key = _key(window, order)
    rank = np.argsort(key, kind="stable")
    order, key = order[rank], key[rank]
    open_, group = np.arange(len(order)), np.zeros(len(order), dtype=np.int64)
    for depth in range(4, DEPTH + 1, 4):
        # Only places that are equal so far are looked at any further.
        begins = np.ones(len(open_), dtype=bool)
        begins[1:] = (key[1:] != key[:-1]) | (group[1:] != group[:-1])
        single = begins & np.append(begins[1:], True)
        open_, group = open_[~single], np.cumsum(begins)[~single]
        if depth == DEPTH or not len(open_):
            break
        key = _key(window, order[open_] + depth)
        rank = np.lexsort((key, group))
        order[open_], key = order[open_[rank]], key[rank]
    return order


def _key(window: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The four ids from each place on as one number that sorts as they do."""
    key = np.zeros(len(places), dtype=np.uint64)
    for step in range(4):
        key = (key << np.uint64(16)) | window[places + step]
    return key


def _windows(
    ids: np.ndarray, places: np.ndarray, width: int, *, fill: int, steps: np.ndarray | None = None
) -> np.ndarray:
    """The `width` ids from each place on (or those at `steps` from it), int32; `fill` beyond the ends."""
    wanted = places[:, None] + (np.arange(width) if steps is None else steps)
    inside = (wanted >= 0) & (wanted < len(ids))
    return np.where(inside, ids[np.clip(wanted, 0, len(ids) - 1)].astype(np.int32), fill)


def _is_below(rows: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Whether each row comes before the wanted one, compared as words in a dictionary."""
    differs = rows != wanted
    first = differs.argmax(axis=1)
    here = np.arange(len(rows))
    return differs.any(axis=1) & (rows[here, first] < wanted[here, first])


def _same(rows: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """How many ids at the beginning of each row equal the wanted ones; rows (n, k, width), wanted (n, width)."""
    differs = rows != wanted[:, None]
    return np.where(differs.any(axis=2), differs.argmax(axis=2), rows.shape[2])


def _length_shared(ours: np.ndarray, theirs: np.ndarray) -> int:
    length = min(len(ours), len(theirs))
    differs = ours[:length] != theirs[:length]
    return int(differs.argmax()) if differs.any() else length


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
