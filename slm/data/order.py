"""A sparse suffix array: every STRIDE-th place of a stream of ids, ordered by the DEPTH ids that follow it.

    order.bin     uint32: the places of each piece of PIECE ids, counted from the piece's beginning, in their order

A suffix array (Manber and Myers 1993) made sparse takes half a byte an id; made in pieces, it takes little memory to
make. A stretch of STRIDE ids or more holds an ordered place, and what follows that place stands beside its like.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

STRIDE = 8
DEPTH = 64  # ids by which places are ordered; a multiple of the four that fit one key
PIECE = 1 << 25
NEIGHBOURS = 8  # places looked at on either side of where a stretch belongs in the order
ROWS_AT_ONCE = 512
PLACE_TYPE = np.dtype("<u4")


def shape() -> dict[str, int]:
    """What an order of now is made by; one of another shape cannot be read."""
    return {"stride": STRIDE, "depth": DEPTH, "piece_tokens": PIECE}


def size_bytes(tokens: int) -> int:
    """The size of the file that `write_order` makes of so many ids."""
    return sum(map(_places, _pieces(tokens))) * PLACE_TYPE.itemsize


def write_order(ids: np.ndarray, path: Path) -> Iterator[int]:
    """Order the places of a stream of ids, uint16 (N,), into a file, yielding how many ids are done.

    Memory: about 25 bytes a place of one piece (100 MB).
    """
    with open(path, "wb") as file:
        for begin in range(0, len(ids), PIECE):
            end = min(begin + PIECE, len(ids))
            window = np.zeros(end - begin + DEPTH, dtype=np.uint16)
            seen = ids[begin : begin + len(window)]
            window[: len(seen)] = seen
            file.write(_ordered_places(window, end - begin).astype(PLACE_TYPE).data)
            yield end


class Order:
    """The order of a stream of ids, opened for reading; ids and places stay on disk until a search asks for them."""

    def __init__(self, ids: np.ndarray, path: Path) -> None:
        """`path` is what `write_order` made of these ids; its shape and size are for the caller to look at."""
        self._ids = ids
        order, sizes = np.asarray(np.memmap(path, dtype=PLACE_TYPE, mode="r")), _pieces(len(ids))
        ends = np.cumsum([_places(size) for size in sizes])
        self._pieces = [
            (number * PIECE, order[end - _places(size) : end])
            for number, (size, end) in enumerate(zip(sizes, ends, strict=True))
        ]

    def stretches(self, ids: np.ndarray) -> list[tuple[int, int, int]]:
        """(begin, end, place) of the longest stretch of `ids` found from each on, without those inside another."""
        best = np.zeros((len(ids), 3), dtype=np.int64)  # ids before the row's own, ids from it on, place
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
    """The sizes, in ids, of the pieces that are ordered for themselves."""
    return [min(PIECE, tokens - begin) for begin in range(0, tokens, PIECE)]


def _places(tokens: int) -> int:
    """How many places of so many ids are ordered."""
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
    """How many ids at the beginning of both are the same."""
    length = min(len(ours), len(theirs))
    differs = ours[:length] != theirs[:length]
    return int(differs.argmax()) if differs.any() else length
