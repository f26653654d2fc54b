"""Training speed on the CPU at one shape, ours and nanoGPT's: python benchmarks/throughput.py --nanogpt CHECKOUT

Both sides train on the same random tokens with the same batch, in turns, each turn a process of its own. Prints the
median tokens/s of whole updates (forward, backward, clipping, optimizer), the ratio, and what share of the rate of a
large matrix product, measured between the turns, each side's necessary arithmetic comes to.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import nanogpt
from slm.config import ModelConfig, parameter_parts, preset
from slm.device import choose_dtype, describe, make_ready
from slm.model import GPT, initialise
from slm.team import Team
from slm.updates import Updater

CPU = torch.device("cpu")
WARM_UP = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    nanogpt.add_argument(parser)
    parser.add_argument("--preset", default="slm-51m")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--updates", type=int, default=4, help="in each turn, after a warm-up")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--side", choices=["slm", "nanogpt"], help="one turn of one side, for the script itself")
    args = parser.parse_args()
    if args.side:
        print(turn(args))
        return
    model, dtype = preset(args.preset).model, choose_dtype("auto", CPU)
    print(f"{args.preset}, {args.batch_size} x {model.block_size}, {describe(CPU)}, torch {torch.__version__}")
    speeds: dict[str, list[float]] = {"slm": [], "nanogpt": []}
    rates = [product_flops(dtype)]
    for _ in range(args.turns):
        for side, measured in speeds.items():
            words = [sys.executable, __file__, *sys.argv[1:], "--side", side]
            measured.append(float(subprocess.run(words, check=True, capture_output=True, text=True).stdout))
        rates.append(product_flops(dtype))
    rate, needed = statistics.median(rates), flops_per_token(model)
    print(f"matrix product of 2048 x 2048 in {dtype}: {rate / 1e9:,.0f} GFLOP/s")
    for side, measured in speeds.items():
        speed = statistics.median(measured)
        turns = ", ".join(f"{s:,.0f}" for s in measured)
        print(f"{side:<8} {speed:8,.0f} tokens/s ({turns})   {speed * needed / rate:.0%} of that rate")
    print(f"ratio {statistics.median(speeds['slm']) / statistics.median(speeds['nanogpt']):.2f}")


def turn(args: argparse.Namespace) -> float:
    """Median tokens/s of one side's updates."""
    chosen = preset(args.preset)
    model = replace(chosen.model)
    B, T = args.batch_size, model.block_size
    ids = np.random.default_rng(1).integers(0, model.vocab_size, B * T + 1)
    if args.side == "nanogpt":
        recipe = nanogpt.Recipe(
            vocab_size=model.vocab_size, n_layer=model.n_layer, n_head=model.n_head, n_embd=model.n_embd,
            block_size=T, batch_size=B,
        )  # fmt: skip
        steps = nanogpt.updates(nanogpt.build(args.nanogpt, recipe), recipe, ids, budget_s=None)
    else:
        steps = our_updates(model, chosen.train, ids, batch_size=B)
    times = []
    for _ in range(WARM_UP + args.updates):
        begin = time.perf_counter()
        next(steps)
        times.append(time.perf_counter() - begin)
    return B * T / statistics.median(times[WARM_UP:])


def our_updates(model_config: ModelConfig, config, ids: np.ndarray, *, batch_size: int):
    """Updates as `slm train` makes them; yields after each."""
    make_ready(CPU)
    config = replace(config, steps=1, batch_size=batch_size, grad_accum_steps=1)
    model, T = GPT(model_config), model_config.block_size
    initialise(model, seed=1)
    updater = Updater(model, config, team=Team(CPU), dtype=choose_dtype("auto", CPU))
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


def product_flops(dtype: torch.dtype, size: int = 2048) -> float:
    """Operations a second of a large matrix product: the median of seven."""
    a, b = torch.randn(size, size).to(dtype), torch.randn(size, size).to(dtype)
    times = []
    for _ in range(8):
        begin = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - begin)
    return 2 * size**3 / statistics.median(times[1:])


if __name__ == "__main__":
    main()
