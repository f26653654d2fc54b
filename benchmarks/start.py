"""How soon a training trains: python benchmarks/start.py [PRESET ...]

Seconds from `python -m slm train` to the beginning and to the end of its first update, on starter stories: medians of
--turns starts of each preset, without the compiler.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from slm.config import PRESETS, PrepareConfig, preset
from slm.data.prepare import prepare
from slm.runs import read_events

ROOT = Path(__file__).resolve().parent.parent


def first_update_s(name: str, data: Path, place: Path) -> tuple[float, float]:
    """Seconds from the command to the beginning and the end of a new run's first update; it then goes no further."""
    words = ["--run", "run", "--preset", name, "--data", data.name, "--steps", "1", "--eval-windows", "1"]
    words += ["--sample-tokens", "1", "--data-dir", str(data.parent), "--checkpoints", str(place)]
    begin = time.time()
    subprocess.run([sys.executable, "-m", "slm", "train", *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    update = next(event for event in read_events(place / "run")[0] if event["kind"] == "train")
    end_s = update["t"] - begin
    return end_s - update["tokens"] / update["tok_per_s"], end_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="*", choices=[[], *PRESETS])
    parser.add_argument("--turns", type=int, default=5)
    args = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        for name in args.presets or ("micro", "mini", "slm-51m"):
            vocab = preset(name).vocab
            data = Path(folder) / "data" / f"starter-{vocab}"
            if not data.is_dir():
                for _ in prepare(PrepareConfig(name=data.name, limit=2000, vocab=vocab, workers=1), data.parent):
                    pass
            times = [first_update_s(name, data, Path(folder) / f"{name}-{turn}") for turn in range(args.turns)]
            starts, ends = (statistics.median(moment) for moment in zip(*times, strict=True))
            print(f"{name:<8} begins after {starts:.2f} s, the first update is done after {ends:.2f} s", flush=True)


if __name__ == "__main__":
    main()
