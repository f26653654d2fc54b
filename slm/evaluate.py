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


@torch.inference_mode()
def evaluate(
    lm: LanguageModel, stories: Iterable[str], *, batch_size: int = 16, model: GPT | None = None
) -> dict[str, Any]:
    """Score whole stories, each read from its beginning, with `model` (such as its int8 copy) in place of lm's own.

    Returns val_loss (nats a token, the end of each story included), val_loss_stderr (over stories), val_bpb (bits a
    UTF-8 byte), perplexity, tokens, bytes and stories. Raises ValueError where there is no story.
    """
    texts = [story for story in stories if story]
    if not texts:
        raise ValueError("there are no stories to evaluate")
    encoded = lm.tokenizer.encode_batch(texts)
    windows = [w for n, ids in enumerate(encoded) for w in _windows(n, ids, lm.tokenizer.eot_id, lm.config.block_size)]
    windows.sort(key=lambda w: len(w.given))  # alike lengths together: little padding
    nats = np.zeros(len(texts))
    for start in range(0, len(windows), batch_size):
        rows = windows[start : start + batch_size]
        for window, total in zip(rows, _nats(model or lm.model, rows), strict=True):
            nats[window.story] += total
    tokens = np.array([len(ids) + 1 for ids in encoded])
    size = sum(len(text.encode()) for text in texts)
    loss = float(nats.sum() / tokens.sum())
    spread = nats - loss * tokens  # ratio estimator (Cochran 1977, section 6.3)
    stderr = float(np.sqrt((spread**2).sum() / max(1, len(texts) - 1) / len(texts)) / tokens.mean())
    return {
        "val_loss": loss,
        "val_loss_stderr": stderr,
        "val_bpb": bits_per_byte(loss, tokens=int(tokens.sum()), bytes=size),
        "perplexity": math.exp(min(loss, 700.0)),
        "tokens": int(tokens.sum()),
        "bytes": size,
        "stories": len(texts),
    }


def _nats(model: GPT, rows: list[_Window]) -> list[float]:
    """Total nats of the targets of each window; one padded batch (what follows a token cannot change its score)."""
    T, device = max(len(w.given) for w in rows), model.wte.weight.device
    given = torch.tensor([w.given + [0] * (T - len(w.given)) for w in rows], device=device)  # (B, T)
    targets = torch.tensor([w.targets + [IGNORED] * (T - len(w.targets)) for w in rows], device=device)  # (B, T)
    logits = model(given).float()  # (B, T, V)
    losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none")
    return losses.view(len(rows), T).double().sum(1).tolist()
