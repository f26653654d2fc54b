"""Logs of made-up trainings, as their curves are drawn."""

from __future__ import annotations

import math
import random

STORIES = {"vocab_size": 4096, "unigram_entropy": 5.5, "bigram_entropy": 3.5}


def losses(count: int, *, seed: int = 0) -> list[tuple[int, float]]:
    rng = random.Random(seed)
    return [(step, 2 + 6 * math.exp(-step / 50) + rng.gauss(0, 0.2)) for step in range(1, count + 1)]


def events(count: int, *, every: int = 20, floor: float = 2.0) -> list[dict]:
    log: list[dict] = [{"kind": "start", "step": 0}]
    for step, loss in losses(count):
        log.append(
            {
                "kind": "train",
                "step": step,
                "loss": loss + floor - 2,
                "tokens": 64 * step,
                "elapsed_s": step / 4,
                "lr": 0.003,
                "grad_norm": 0.5,
                "tok_per_s": 256.0,
            }
        )
        if step % every == 0:
            log.append({"kind": "eval", "step": step, "val_loss": loss + 0.1, "val_bpb": (loss + 0.1) / 3})
    return log
