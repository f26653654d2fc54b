"""How well a model foresees stories that it never saw: nats a token, and bits a byte to compare across vocabularies."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional as F

from slm.model import GPT

if TYPE_CHECKING:
    from slm.generate import LanguageModel

MOST_SCORES = 2**27  # in memory at once: half a gigabyte, and as much again for their logarithms
IGNORED = -100  # a target that counts nothing


def bits_per_byte(nats_per_token: float, *, tokens: int, bytes: int) -> float:
    """Bits for each UTF-8 byte of the text that these tokens stand for."""
    return nats_per_token * tokens / (bytes * math.log(2))


@torch.inference_mode()
def windows_loss(
    model: GPT, x: np.ndarray, y: np.ndarray, *, batch_size: int = 16, stop: Callable[[], bool] = lambda: False
) -> float | None:
    """Mean loss in nats a token over fixed windows x, y (N, T) int64; None when `stop` said to leave it."""
    device, training = model.wte.weight.device, model.training
    model.eval()
    total = 0.0
    try:
        for start in range(0, len(x), batch_size):
            if stop():
                return None
            rows = slice(start, start + batch_size)
            loss = model.loss(torch.from_numpy(x[rows]).to(device), torch.from_numpy(y[rows]).to(device))
            total += loss.item() * len(x[rows])
    finally:
        model.train(training)
    return total / len(x)


@dataclass(frozen=True)
class _Window:
    """A stretch of one story; targets that an earlier window scored are IGNORED."""

    story: int
    given: list[int]
    targets: list[int]


def _windows(story: int, ids: list[int], eot_id: int, block_size: int) -> Iterator[_Window]:
    """The story, begun and ended by end-of-text, in windows that overlap by half: no token is read without context."""
    given, targets = [eot_id, *ids], [*ids, eot_id]
    stride = max(1, block_size // 2)
    scored, start = 0, 0
    while scored < len(targets):
        end = min(start + block_size, len(targets))
        kept = [IGNORED] * (scored - start) + targets[scored:end]
        yield _Window(story, given[start:end], kept)
        scored, start = end, start + stride


def _batches(windows: Iterable[_Window], *, batch_size: int, vocab_size: int) -> Iterator[list[_Window]]:
    """The windows, shortest first so that little is padding, at most `batch_size` at once and MOST_SCORES."""
    rows: list[_Window] = []
    for window in sorted(windows, key=lambda w: len(w.given)):
        scores = (len(rows) + 1) * len(window.given) * vocab_size
        if rows and (len(rows) == batch_size or scores > MOST_SCORES):
            yield rows
            rows = []
        rows.append(window)
    if rows:
        yield rows


class StoryLosses:
    """What each of some stories costs: nats, tokens and UTF-8 bytes (N,), the end of each story included."""

    def __init__(self, lm: LanguageModel, stories: Iterable[str]) -> None:
        """Empty stories are left out; each is cut into tokens as it comes. Raises ValueError where there is none."""
        self._lm = lm
        self.stories: list[str] = []
        self._encoded: list[list[int]] = []
        for story in filter(None, stories):
            self.stories.append(story)
            self._encoded.append(lm.tokenizer.encode(story))
        if not self.stories:
            raise ValueError("there are no stories to evaluate")
        self.nats = np.zeros(len(self.stories))
        self.tokens = np.array([len(ids) + 1 for ids in self._encoded])
        self.bytes = np.array([len(story.encode()) for story in self.stories])

    def measure(self, *, batch_size: int = 16, model: GPT | None = None) -> Iterator[int]:
        """Read the stories, each from its beginning, yielding the tokens that are scored so far.

        `model` (such as the int8 copy) reads in place of the language model's own.
        """
        lm, done = self._lm, 0
        eot_id, block_size, vocab_size = lm.tokenizer.eot_id, lm.config.block_size, lm.config.vocab_size
        windows = (w for n, ids in enumerate(self._encoded) for w in _windows(n, ids, eot_id, block_size))
        self.nats[:] = 0.0
        for rows in _batches(windows, batch_size=batch_size, vocab_size=vocab_size):
            with torch.inference_mode():
                totals = _nats(model or lm.model, rows)
            for window, total in zip(rows, totals, strict=True):
                self.nats[window.story] += total
                done += sum(target != IGNORED for target in window.targets)
            yield done

    def summary(self, keep: np.ndarray | None = None) -> dict[str, Any]:
        """The losses of all stories, or of those where `keep` bool (N,) holds.

        val_loss (nats a token), val_bpb (bits a UTF-8 byte), the standard error of both over stories, perplexity,
        tokens, bytes and stories.
        """
        kept = np.ones(len(self.nats), dtype=bool) if keep is None else keep
        if not kept.any():
            raise ValueError("there are no stories to evaluate")
        nats, tokens, size = self.nats[kept], self.tokens[kept], self.bytes[kept]
        loss, loss_stderr = _ratio(nats, tokens)
        bpb, bpb_stderr = _ratio(nats / math.log(2), size)
        return {
            "val_loss": loss,
            "val_loss_stderr": loss_stderr,
            "val_bpb": bpb,
            "val_bpb_stderr": bpb_stderr,
            "perplexity": math.exp(min(loss, 700.0)),
            "tokens": int(tokens.sum()),
            "bytes": int(size.sum()),
            "stories": int(kept.sum()),
        }


def _ratio(costs: np.ndarray, sizes: np.ndarray) -> tuple[float, float]:
    """Cost per size over all stories, and its standard error (ratio estimator, Cochran 1977, section 6.3)."""
    ratio = float(costs.sum() / sizes.sum())
    spread = costs - ratio * sizes
    count = len(costs)
    return ratio, float(np.sqrt((spread**2).sum() / max(1, count - 1) / count) / sizes.mean())


def evaluate(
    lm: LanguageModel, stories: Iterable[str], *, batch_size: int = 16, model: GPT | None = None
) -> dict[str, Any]:
    """Score whole stories at once: `StoryLosses.summary`. Raises ValueError where there is no story."""
    losses = StoryLosses(lm, stories)
    for _ in losses.measure(batch_size=batch_size, model=model):
        pass
    return losses.summary()


def _nats(model: GPT, rows: list[_Window]) -> list[float]:
    """Total nats of the targets of each window; one padded batch (what follows a token cannot change its score)."""
    T, device = max(len(w.given) for w in rows), model.wte.weight.device
    given = torch.tensor([w.given + [0] * (T - len(w.given)) for w in rows], device=device)  # (B, T)
    targets = torch.tensor([w.targets + [IGNORED] * (T - len(w.targets)) for w in rows], device=device)  # (B, T)
    logits = model(given).float()  # (B, T, V)
    losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none")
    return losses.view(len(rows), T).cpu().double().sum(1).tolist()  # Apple's GPUs have no float64
