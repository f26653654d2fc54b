"""Whether compiling the model pays on this machine: python benchmarks/compiled.py [PRESET ...]

Prints for each preset the seconds of an update as it is written and compiled (medians), the seconds that the first
compiled update took, and after how many minutes of training the compiler has won them back.
"""

from __future__ import annotations

import argparse
import math
import platform
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from slm.config import PRESETS, preset
from slm.device import choose_device, choose_dtype, describe
from slm.model import GPT, initialise
from slm.team import Team
from slm.updates import Updater


def update_times_s(name: str, *, compiled: bool, updates: int) -> tuple[float, float]:
    """Seconds of the first update and the median of the later ones, on random tokens."""
    chosen, device = preset(name), choose_device()
    config, T = replace(chosen.train, grad_accum_steps=1, steps=updates, compile=compiled), chosen.model.block_size
    model = GPT(chosen.model)
    initialise(model, seed=1)
    updater = Updater(model, config, team=Team(device), dtype=choose_dtype("auto", device))
    ids = np.random.default_rng(1).integers(0, chosen.model.vocab_size, (config.batch_size, T + 1))
    x, y = np.ascontiguousarray(ids[:, :-1]), np.ascontiguousarray(ids[:, 1:])
    times = []
    for step in range(1 + updates):
        begin = time.perf_counter()
        updater.update(x, y, scale=1.0, seed=step, stop=lambda: False)
        times.append(time.perf_counter() - begin)
    return times[0], statistics.median(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="*", choices=[[], *PRESETS])
    parser.add_argument("--updates", type=int, default=7)
    args = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {describe(choose_device())}, torch {torch.__version__}")
    for name in args.presets or ("micro", "mini", "slm-51m"):
        first_s, plain_s = update_times_s(name, compiled=False, updates=args.updates)
        compiling_s, compiled_s = update_times_s(name, compiled=True, updates=args.updates)
        won = plain_s - compiled_s
        back = math.ceil((compiling_s - first_s) / won) * plain_s / 60 if won > 0 else None
        says = f"pays after {back:.1f} minutes" if back is not None else "never pays"
        figures = f"{plain_s:.3f} s as written, {compiled_s:.3f} s compiled, {compiling_s:.0f} s to compile"
        print(f"{name:<8} {figures}: {says}", flush=True)


if __name__ == "__main__":
    main()
