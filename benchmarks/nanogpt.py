"""nanoGPT's own model and optimizer, from a checkout that the caller names, in the loop of its train.py."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Shape and settings; the defaults are those that nanoGPT's README gives for a CPU."""

    vocab_size: int
    n_layer: int = 4
    n_head: int = 4
    n_embd: int = 128
    block_size: int = 64
    batch_size: int = 12
    learning_rate: float = 1e-3
    warmup_share: float = 0.05  # 100 of 2,000 iterations
    min_lr_ratio: float = 0.1
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.99)
    dtype: torch.dtype = torch.float32
    device: str = "cpu"


def add_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--nanogpt", type=Path, required=True, help="a checkout of github.com/karpathy/nanoGPT")


def build(checkout: Path, recipe: Recipe) -> torch.nn.Module:
    """A fresh model of nanoGPT's class."""
    spec = importlib.util.spec_from_file_location("nanogpt_model", checkout / "model.py")
    if spec is None or spec.loader is None or not (checkout / "model.py").is_file():
        raise SystemExit(f"{checkout} has no model.py: it is no checkout of nanoGPT")
    module = importlib.util.module_from_spec(spec)
    sys.modules["nanogpt_model"] = module
    spec.loader.exec_module(module)
    torch.manual_seed(1337)
    with contextlib.redirect_stdout(io.StringIO()):
        return module.GPT(
            module.GPTConfig(
                vocab_size=recipe.vocab_size, n_layer=recipe.n_layer, n_head=recipe.n_head, n_embd=recipe.n_embd,
                block_size=recipe.block_size, dropout=0.0, bias=False,
            )
        )  # fmt: skip


def optimizer_of(model: Any, recipe: Recipe) -> torch.optim.Optimizer:
    """nanoGPT's AdamW for its model."""
    with contextlib.redirect_stdout(io.StringIO()):
        return model.configure_optimizers(recipe.weight_decay, recipe.learning_rate, recipe.betas, recipe.device)


def updates(
    model: Any, optimizer: torch.optim.Optimizer, recipe: Recipe, ids: np.ndarray, *, budget_s: float | None
) -> Iterator[int]:
    """nanoGPT's training loop on random windows of ids; yields the tokens seen after each update.

    With a budget the learning rate rises and falls as a cosine that ends with it; without one it stays.
    """
    generator, T, B = torch.Generator().manual_seed(1337), recipe.block_size, recipe.batch_size
    begin, seen = time.perf_counter(), 0
    while budget_s is None or time.perf_counter() - begin < budget_s:
        done = 0.0 if budget_s is None else (time.perf_counter() - begin) / budget_s
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * (1.0 if budget_s is None else _cosine(recipe, done))
        starts = torch.randint(len(ids) - T, (B,), generator=generator).tolist()
        x = torch.stack([torch.from_numpy(ids[i : i + T].astype(np.int64)) for i in starts])
        y = torch.stack([torch.from_numpy(ids[i + 1 : i + 1 + T].astype(np.int64)) for i in starts])
        if recipe.device == "cuda":
            x, y = (t.pin_memory().to("cuda", non_blocking=True) for t in (x, y))
        with torch.autocast(recipe.device, recipe.dtype, enabled=recipe.dtype != torch.float32):
            _, loss = model(x, y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seen += B * T
        yield seen


def _cosine(recipe: Recipe, done: float) -> float:
    if done < recipe.warmup_share:
        return max(done, 1e-3) / recipe.warmup_share
    fall = (done - recipe.warmup_share) / (1 - recipe.warmup_share)
    return recipe.min_lr_ratio + (1 - recipe.min_lr_ratio) * 0.5 * (1 + math.cos(math.pi * fall))


@torch.no_grad()
def windows_loss(model: Any, x: np.ndarray, y: np.ndarray) -> float:
    """Mean loss in nats a token over windows x, y (N, T) int64."""
    model.eval()
    losses = [model(torch.from_numpy(a[None]), torch.from_numpy(b[None]))[1].item() for a, b in zip(x, y, strict=True)]
    model.train()
    return sum(losses) / len(losses)
