"""The windows of a prepared data set that a training step or an evaluation sees."""

from __future__ import annotations

import functools
import mmap
from pathlib import Path
from typing import Any

import numpy as np

from slm.config import TrainConfig
from slm.manifests import read_manifest
from slm.tokenizer import Tokenizer, load_tokenizer

ID_TYPE = np.dtype("<u2")  # vocabularies reach 50,257, so two bytes hold any id


class Corpus:
    """A prepared data set, opened for reading; the ids stay on disk until a batch asks for them."""

    def __init__(self, folder: str | Path) -> None:
        """ValueError where the folder is no prepared data set or its files are not as long as its manifest says."""
        self.folder = Path(folder)
        try:
            self.manifest: dict[str, Any] = read_manifest(self.folder)
        except (FileNotFoundError, NotADirectoryError):
            raise ValueError(
                f"there is no prepared data set at {self.folder}: python -m slm prepare makes one"
            ) from None
        self.train = self._open("train")
        self.validation = self._open("validation")

    def _open(self, split: str) -> np.ndarray:
        path, tokens = self.folder / f"{split}.bin", self.manifest[split]["tokens"]
        size = path.stat().st_size if path.is_file() else 0
        if size != tokens * ID_TYPE.itemsize:
            raise ValueError(
                f"{path} has {size:,} bytes, but its manifest speaks of {tokens:,} tokens, which take "
                f"{tokens * ID_TYPE.itemsize:,}: it is damaged, prepare the data set again"
            )
        return np.memmap(path, dtype=ID_TYPE, mode="r")

    @functools.cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer that the ids were made with."""
        return load_tokenizer(self.folder)

    @property
    def fingerprint(self) -> str:
        """sha256 over train.bin and validation.bin, as hex."""
        return self.manifest["fingerprint"]

    @property
    def unigram_entropy(self) -> float:
        """Loss, in nats per token, of one who knows how often each token occurs and nothing else."""
        return self.manifest["unigram_entropy"]


def check_fits(corpus: Corpus, block_size: int) -> None:
    """Raise ValueError where the training stories are shorter than one context of `block_size`."""
    tokens = len(corpus.train)
    if tokens <= block_size:
        raise ValueError(
            f"the training stories have {tokens:,} tokens, a context of {block_size:,} needs at least "
            f"{block_size + 1:,}: take a block_size of {tokens - 1:,} or less, or prepare more text"
        )


def batch(
    ids: np.ndarray, *, seed: int, step: int, rows: int, block_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets of one optimizer step, a pure function of the seed and the step.

    The stream is taken as a ring, its last story followed by its first. Each epoch cuts the ring, from a
    place of its own, into `len(ids) // block_size` windows and visits them in an order of its own: no
    token is a target twice in an epoch, and fewer than block_size are left out. Row `r` of step `s` is the
    visit `s * rows + r`, across the ends of epochs, so N processes may take the rows `i::N` each.

    Returns x and y, int64 of shape (rows, block_size); y is x moved on by one token.
    """
    if len(ids) <= block_size:
        raise ValueError(f"{len(ids):,} tokens hold no window of {block_size:,} and the token after it")
    windows = len(ids) // block_size
    taken = np.empty((rows, block_size + 1), dtype=np.int64)
    for row in range(rows):
        epoch, visit = divmod(step * rows + row, windows)
        start, order = _epoch(seed, epoch, windows, len(ids))
        _copy_ring(ids, start + int(order[visit]) * block_size, taken[row])
    _release(ids)
    return np.ascontiguousarray(taken[:, :-1]), np.ascontiguousarray(taken[:, 1:])


def training_batch(
    ids: np.ndarray, config: TrainConfig, *, step: int, block_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets of the update after `step` updates, int64 of the shape `config.step_shape` says.

    The updates of the ramp and those behind it each count from 0: their windows have different lengths.
    """
    rows, T = config.step_shape(step, block_size)
    past = step if step < config.ramp_steps else step - config.ramp_steps
    return batch(ids, seed=config.seed, step=past, rows=rows, block_size=T)


def eval_windows(ids: np.ndarray, *, count: int, block_size: int) -> tuple[np.ndarray, np.ndarray]:
    """The same `count` windows each time, spread evenly over the stream; all of them where there are fewer.

    Returns x and y, int64 of shape (windows, block_size); a stream shorter than one context gives one
    window as long as it is.
    """
    if len(ids) < 2:
        raise ValueError(f"{len(ids)} tokens are too few to evaluate on: one to see and one to guess are needed")
    length = min(block_size, len(ids) - 1)
    windows = (len(ids) - 1) // length
    count = min(count, windows)
    taken = np.empty((count, length + 1), dtype=np.int64)
    for row in range(count):
        start = row * windows // count * length
        taken[row] = ids[start : start + length + 1]
    _release(ids)
    return np.ascontiguousarray(taken[:, :-1]), np.ascontiguousarray(taken[:, 1:])


@functools.lru_cache(maxsize=2)
def _epoch(seed: int, epoch: int, windows: int, tokens: int) -> tuple[int, np.ndarray]:
    """Where an epoch's first window starts on the ring, and the order in which its windows are visited."""
    # NumPy promises the raw stream of a bit generator for all versions, and no such thing for permutation():
    # a run resumed elsewhere must see the same batches.
    raw = np.random.PCG64([seed, epoch]).random_raw(windows + 1)
    return int(raw[-1] % tokens), np.argsort(raw[:-1], kind="stable")


def _copy_ring(ids: np.ndarray, start: int, out: np.ndarray) -> None:
    """Fill `out` with the ids from `start` on, going on at the beginning behind the end."""
    start %= len(ids)
    head = min(len(out), len(ids) - start)
    out[:head] = ids[start : start + head]
    out[head:] = ids[: len(out) - head]


def _release(ids: np.ndarray) -> None:
    """Give pages of a mapped file back; they stay in the system's cache, and the process does not grow."""
    mapped = ids.base
    if isinstance(mapped, mmap.mmap) and not ids.flags.writeable and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)
