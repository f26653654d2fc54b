"""How soon a training has saved and ended when it is asked to stop: python benchmarks/stops.py [PRESET ...]

Each preset trains on starter stories, looks up from its updates often, and is stopped at random moments and resumed.
Prints the seconds from the request to the `end` event: the median and the longest.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
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
from slm.runs import is_run, read_events, request_stop

ROOT = Path(__file__).resolve().parent.parent
WORDS = ("--minutes", "60", "--eval-interval-s", "3", "--save-interval-s", "5", "--device", "cpu")


def answers_s(name: str, place: Path, *, stops: int, chance: random.Random) -> list[float]:
    """Seconds that each of some stops took."""
    vocab = preset(name).vocab
    for _ in prepare(PrepareConfig(name=f"starter-{vocab}", limit=2000, vocab=vocab, workers=1), place / "data"):
        pass
    run_dir, times = place / name, []
    command = [sys.executable, "-m", "slm", "train", "--run", name, "--checkpoints", str(place)]
    command += ["--data-dir", str(place / "data")]
    for _ in range(stops):
        words = ["--resume"] if is_run(run_dir) else ["--preset", name, "--data", f"starter-{vocab}", *WORDS]
        _, offset = read_events(run_dir)
        with subprocess.Popen([*command, *words], cwd=ROOT, stdout=subprocess.DEVNULL) as child:
            while not any(e["kind"] == "train" for e in read_events(run_dir, offset)[0]):
                assert child.poll() is None
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 8))
            asked = time.time()
            request_stop(run_dir)
        end = read_events(run_dir)[0][-1]
        assert end.get("reason") == "stopped", end
        times.append(end["t"] - asked)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="*", choices=[[], *PRESETS])
    parser.add_argument("--stops", type=int, default=8)
    args = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        for name in args.presets or ("micro", "mini"):
            times = answers_s(name, Path(folder), stops=args.stops, chance=random.Random(1))
            print(
                f"{name:<8} {len(times)} stops: {statistics.median(times):.2f} s, at most {max(times):.2f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
