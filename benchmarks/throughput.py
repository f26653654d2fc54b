"""Training speed at one shape, ours and others': python benchmarks/throughput.py --nanogpt CHECKOUT [--device cuda]

All sides train on the same random tokens with the same batch, in turns, each turn a process of its own. Prints the
median tokens/s of whole updates (forward, backward, clipping, optimizer), the ratio to ours, and what share of the rate
of a large matrix product, measured between the turns, each side's necessary arithmetic comes to.

On a CPU nanoGPT runs as its README says: in float32, uncompiled. On a GPU it and transformers run as their own training
scripts would: in bfloat16 by autocast with a fused AdamW, nanoGPT compiled and with its 50,304 tokens for 50,257.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import nanogpt
from slm.config import ModelConfig, TrainConfig, parameter_parts, preset
from slm.device import choose_dtype, describe, make_ready
from slm.model import GPT, initialise
from slm.team import Team
from slm.updates import Updater

WARM_UP = 2
SIDES = {"cpu": ("slm", "nanogpt"), "cuda": ("slm", "slm-compiled", "nanogpt-compiled", "transformers")}
AT_ONCE = {"cpu": 1, "cuda": 10}  # updates between two looks at the clock: a GPU works behind the program's back
PRODUCT_SIZE = {"cpu": 2048, "cuda": 8192}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    nanogpt.add_argument(parser)
    parser.add_argument("--preset", default="slm-51m")
    parser.add_argument("--device", choices=[*SIDES], default="cpu")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--updates", type=int, default=4, help="in each turn, after a warm-up; on a GPU ten times that")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--sides", nargs="+", help="those to run; ours first")
    parser.add_argument("--side", help="one turn of one side, for the script itself")
    args = parser.parse_args()
    if args.side:
        print(*turn(args))
        return
    device = torch.device(args.device)
    model, dtype = preset(args.preset).model, choose_dtype("auto", device)
    print(f"{args.preset}, {args.batch_size} x {model.block_size}, {describe(device)}, torch {torch.__version__}")
    found: dict[str, list[list[float]]] = {side: [] for side in args.sides or SIDES[args.device]}
    rates = [product_flops(dtype, device)]
    for _ in range(args.turns):
        for side, measured in found.items():
            words = [sys.executable, __file__, *sys.argv[1:], "--side", side]
            said = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
            measured.append([float(number) for number in said])
            print(f"  {side}: {measured[-1][0]:,.0f} tokens/s", flush=True)
        rates.append(product_flops(dtype, device))
    rate, needed, ours = statistics.median(rates), flops_per_token(model), 0.0
    print(f"a large square matrix product in {dtype}: {rate / 1e9:,.0f} GFLOP/s")
    for side, measured in found.items():
        speeds, memory = [speed for speed, _ in measured], max(gb for _, gb in measured)
        speed = statistics.median(speeds)
        ours = ours or speed
        more = f", {memory:.2f} GB" if device.type == "cuda" else ""
        share = f"{speed * needed / rate:.0%} of that rate{more}"
        print(f"{side:<16} {speed:9,.0f} tokens/s   {share}   ours {ours / speed:.2f} times as fast")


def turn(args: argparse.Namespace) -> tuple[float, float]:
    """Median tokens/s of one side's updates, and on a GPU the most memory they took, in GB."""
    chosen, device = preset(args.preset), torch.device(args.device)
    B, T = args.batch_size, chosen.model.block_size
    ids = np.random.default_rng(1).integers(0, chosen.model.vocab_size, B * T + 1)
    compiled = args.side.endswith("-compiled")
    if args.side.startswith("slm"):
        steps = our_updates(chosen.model, chosen.train, ids, batch_size=B, device=device, compiled=compiled)
    else:
        steps = their_updates(args, ids, compiled=compiled)
    times, at_once = [], AT_ONCE[args.device]
    for _ in range(WARM_UP + args.updates):
        begin = time.perf_counter()
        for _ in range(at_once):
            next(steps)
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append((time.perf_counter() - begin) / at_once)
    memory_gb = torch.cuda.max_memory_allocated() / 1e9 if device.type == "cuda" else 0.0
    return B * T / statistics.median(times[WARM_UP:]), memory_gb


def their_updates(args: argparse.Namespace, ids: np.ndarray, *, compiled: bool) -> Iterator[int]:
    """Updates of nanoGPT's loop, with its model or transformers'; yields after each."""
    model, on_gpu = preset(args.preset).model, args.device == "cuda"
    if on_gpu:
        torch.set_float32_matmul_precision("high")
    recipe = nanogpt.Recipe(
        vocab_size=-(-model.vocab_size // 64) * 64 if on_gpu else model.vocab_size,
        n_layer=model.n_layer, n_head=model.n_head, n_embd=model.n_embd, block_size=model.block_size,
        batch_size=args.batch_size, device=args.device, dtype=torch.bfloat16 if on_gpu else torch.float32,
    )  # fmt: skip
    if args.side.startswith("nanogpt"):
        theirs: Any = nanogpt.build(args.nanogpt, recipe).to(args.device)
        optimizer = nanogpt.optimizer_of(theirs, recipe)
    else:
        theirs = Transformers(replace(recipe, vocab_size=model.vocab_size)).to(args.device)
        settings = {"lr": recipe.learning_rate, "betas": recipe.betas, "weight_decay": recipe.weight_decay}
        optimizer = torch.optim.AdamW(theirs.parameters(), fused=on_gpu, **settings)
    return nanogpt.updates(torch.compile(theirs) if compiled else theirs, optimizer, recipe, ids, budget_s=None)


class Transformers(torch.nn.Module):
    """GPT-2 of transformers, called as nanoGPT's loop calls a model."""

    def __init__(self, recipe: nanogpt.Recipe) -> None:
        from transformers import GPT2Config, GPT2LMHeadModel

        super().__init__()
        shape = {"n_layer": recipe.n_layer, "n_head": recipe.n_head, "n_embd": recipe.n_embd}
        dropout = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
        sizes = {"vocab_size": recipe.vocab_size, "n_positions": recipe.block_size}
        self.model = GPT2LMHeadModel(GPT2Config(**shape, **dropout, **sizes)).train()

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[None, torch.Tensor]:
        return None, self.model(input_ids=x, labels=x).loss  # which moves the labels itself


def our_updates(
    model_config: ModelConfig, config: TrainConfig, ids: np.ndarray, *, batch_size: int, device: torch.device,
    compiled: bool,
) -> Iterator[int]:
    """Updates as `slm train` makes them; yields after each."""
    make_ready(device)
    config = replace(config, steps=1, batch_size=batch_size, grad_accum_steps=1)
    model, T = GPT(model_config), model_config.block_size
    initialise(model, seed=1)
    updater = Updater(model, config, team=Team(device), dtype=choose_dtype("auto", device))
    updater.use_compiled(compiled)
    x, y = ids[:-1].reshape(batch_size, T), ids[1:].reshape(batch_size, T)
    for step in iter(int, 1):
        updater.update(x, y, scale=1.0, seed=step, stop=lambda: False)
        yield step


def flops_per_token(config: ModelConfig) -> float:
    """Floating-point operations that forward and backward cannot do without (Chowdhery et al. 2022, appendix B).

    Six for each number of a matrix, and the causal half of the attention scores and sums.
    """
    parts = parameter_parts(config)
    matrices = parts["attention"] + parts["mlp"] + config.vocab_size * config.n_embd
    return 6 * matrices + 6 * config.n_layer * config.n_embd * config.block_size


def product_flops(dtype: torch.dtype, device: torch.device) -> float:
    """Operations a second of a large matrix product: the median of seven."""
    size = PRODUCT_SIZE[device.type]
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in "ab")
    times = []
    for _ in range(8):
        begin = time.perf_counter()
        a @ b
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - begin)
    return 2 * size**3 / statistics.median(times[1:])


if __name__ == "__main__":
    main()
