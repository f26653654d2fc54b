"""How fast this machine trains and writes: python benchmarks/speed.py [PRESET ...]

Prints the machine, then medians for each preset: training in tokens/s over whole updates (forward, backward, clipping,
optimizer) and writing in tokens/s of one story. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from slm.config import PRESETS, SampleConfig, preset
from slm.device import choose_device, choose_dtype, describe, make_ready
from slm.generate import generate_ids
from slm.model import GPT, initialise
from slm.team import Team
from slm.updates import Updater

WARM_UP = 2


def training_tokens_per_s(name: str, *, updates: int, threads: int) -> float:
    """Median over the updates after the warm-up."""
    torch.set_num_threads(threads)
    chosen = preset(name)
    tokens = chosen.train.batch_size * chosen.model.block_size
    return tokens / statistics.median(update_times_s(name, updates=WARM_UP + updates)[WARM_UP:])


def update_times_s(name: str, *, updates: int, compiled: bool = False) -> list[float]:
    """Seconds of each update as `slm train` makes it, on random tokens (speed does not depend on what they say)."""
    chosen, device = preset(name), choose_device()
    make_ready(device)
    config, T = replace(chosen.train, grad_accum_steps=1, steps=updates), chosen.model.block_size
    model = GPT(chosen.model)
    initialise(model, seed=1)
    updater = Updater(model, config, team=Team(device), dtype=choose_dtype("auto", device))
    updater.use_compiled(compiled)
    ids = np.random.default_rng(1).integers(0, chosen.model.vocab_size, (config.batch_size, T + 1))
    x, y = np.ascontiguousarray(ids[:, :-1]), np.ascontiguousarray(ids[:, 1:])
    times = []
    for step in range(updates):
        begin = time.perf_counter()
        updater.update(x, y, scale=1.0, seed=step, stop=lambda: False)
        times.append(time.perf_counter() - begin)
    return times


def writing_tokens_per_s(name: str, *, stories: int, length: int = 200) -> float:
    """Median over the stories of `length` tokens after a prompt of 8, by a model of random weights."""
    model = GPT(preset(name).model).eval()
    initialise(model, seed=1)
    settings = SampleConfig(max_new_tokens=length)
    speeds = []
    for seed in range(1 + stories):
        begin = time.perf_counter()
        written = sum(1 for _ in generate_ids(model, list(range(8)), settings, eot_id=-1, seeds=[seed]))
        speeds.append(written / (time.perf_counter() - begin))
    return statistics.median(speeds[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="*", choices=[[], *PRESETS])
    parser.add_argument("--updates", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {describe(choose_device())}, torch {torch.__version__}")
    for name in args.presets or ("micro", "mini", "slm-51m"):
        trained = training_tokens_per_s(name, updates=args.updates, threads=args.threads)
        written = writing_tokens_per_s(name, stories=3)
        print(f"{name:<8} trains {trained:8,.0f} tokens/s   writes {written:8,.0f} tokens/s", flush=True)


if __name__ == "__main__":
    main()
