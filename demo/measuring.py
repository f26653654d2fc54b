"""How fast this machine trains a model, measured for three seconds in a process of its own that ends at once.

    python -m demo.measuring < settings.json

The page's own process never trains, and does not wait for torch to answer its first visitor.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slm.config import ModelConfig, TrainConfig

PROJECT = Path(__file__).resolve().parent.parent
MEASURE_S = 3.0
PATIENCE_S = 120.0  # torch from a cold disk, and one update of a large model
KEPT = 64
# The page's own process writes stories: where it took more than so much of a core during a measurement, it did.
OWN_WORK = 0.2
BESIDE = "beside other work"
# What decides the speed; a longer budget or another learning rate does not.
SPEED_FIELDS = ("batch_size", "grad_accum_steps", "optimizer", "device", "dtype", "threads")


@dataclass(frozen=True)
class Speed:
    """Tokens a second of training, the most memory it took in MB (None where the system does not tell), where, and
    when (unix seconds). `remark` says what a person should know of that."""

    tok_per_s: float
    memory_mb: float | None
    device: str
    measured_at: float = field(default_factory=time.time)
    remark: str = ""

    @property
    def place(self) -> str:
        """Where it was measured, with the remark."""
        return ", ".join(filter(None, [self.device, self.remark]))


class Speeds:
    """Measurements made so far, one at a time."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Speed] = OrderedDict()
        self._turn = threading.Lock()

    def known(self, model: ModelConfig, train: TrainConfig) -> Speed | None:
        """The speed of these settings, if it was measured."""
        return self._known.get(settings(model, train))

    def measure(self, model: ModelConfig, train: TrainConfig, *, busy: Callable[[], bool] = lambda: False) -> Speed:
        """The speed of these settings, measured now where it is not known. ValueError where that fails.

        One that was measured beside other work says so, and is measured again the next time. `busy` tells whether
        another process is at work; what this one computes is seen by itself.
        """
        key = settings(model, train)
        with self._turn:
            if key in self._known:
                return self._known[key]
            disturbed, begun, cpu_s = busy(), time.perf_counter(), time.process_time()
            speed = _ask(key)
            took_s = max(MEASURE_S, time.perf_counter() - begun)
            if disturbed or time.process_time() - cpu_s > OWN_WORK * took_s or busy():
                return dataclasses.replace(speed, remark=BESIDE)
            self._known[key] = speed
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
            return speed


def settings(model: ModelConfig, train: TrainConfig) -> str:
    """What decides the speed, as JSON."""
    chosen = {name: getattr(train, name) for name in SPEED_FIELDS}
    return json.dumps({"model": dataclasses.asdict(model), "train": chosen}, sort_keys=True)


def _ask(key: str) -> Speed:
    """Measure in a process of its own."""
    words = [sys.executable, "-m", "demo.measuring"]
    try:
        done = subprocess.run(words, cwd=PROJECT, input=key, capture_output=True, text=True, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        raise ValueError(f"the speed could not be measured within {PATIENCE_S:.0f} s") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise ValueError(f"the speed could not be measured: {said[-1][:300]}")
    return Speed(**json.loads(done.stdout.strip().splitlines()[-1]))


def measure(model: ModelConfig, train: TrainConfig) -> Speed:
    """Make updates on random tokens for MEASURE_S seconds, one at least, after a first one that is not counted."""
    import numpy as np
    import torch

    from slm.device import choose_device, choose_dtype, describe, make_ready
    from slm.model import GPT, initialise
    from slm.team import Team
    from slm.updates import Updater

    if train.threads is not None:
        torch.set_num_threads(train.threads)
    device = choose_device(train.device)
    make_ready(device)
    learner = GPT(model)
    initialise(learner, train.seed)
    dtype = choose_dtype(train.dtype, device)
    updater = Updater(learner, train, team=Team(device), dtype=dtype)
    updater.use_compiled(bool(train.compile))
    rows = train.batch_size * train.grad_accum_steps
    ids = np.random.default_rng(train.seed).integers(0, model.vocab_size, size=(rows, model.block_size + 1))
    x, y = ids[:, :-1].copy(), ids[:, 1:].copy()

    def update() -> None:
        updater.update(x, y, scale=1e-3, seed=train.seed, stop=lambda: False)  # reads the loss, so it waits for a GPU

    update()
    count, begun = 0, time.perf_counter()
    while not count or time.perf_counter() - begun < MEASURE_S:
        update()
        count += 1
    tok_per_s = count * x.size / (time.perf_counter() - begun)
    return Speed(round(tok_per_s, 1), _memory_mb(torch, device.type), describe(device))


def _memory_mb(torch: Any, device: str) -> float | None:
    """The most memory that this process took: of the GPU where it computes there, else of the machine."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 1e6
    if sys.platform == "win32":
        return None
    import resource

    # Linux counts in KiB, macOS in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e6 / 1024)


def main() -> None:
    asked = json.load(sys.stdin)
    # Compiling takes longer than the measurement; a compiled training is faster than this foretells.
    speed = measure(ModelConfig(**asked["model"]), TrainConfig(**asked["train"], compile=False))
    print(json.dumps(dataclasses.asdict(speed)))


if __name__ == "__main__":
    main()
