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
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.speed import update_times_s
from slm.config import PRESETS
from slm.device import choose_device, describe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="*", choices=[[], *PRESETS])
    parser.add_argument("--updates", type=int, default=7)
    args = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {describe(choose_device())}, torch {torch.__version__}")
    for name in args.presets or ("micro", "mini", "slm-51m"):
        (first_s, *plain), (compiling_s, *fast) = (
            update_times_s(name, updates=1 + args.updates, compiled=compiled) for compiled in (False, True)
        )
        plain_s, compiled_s = statistics.median(plain), statistics.median(fast)
        won = plain_s - compiled_s
        back = math.ceil((compiling_s - first_s) / won) * plain_s / 60 if won > 0 else None
        says = f"pays after {back:.1f} minutes" if back is not None else "never pays"
        figures = f"{plain_s:.3f} s as written, {compiled_s:.3f} s compiled, {compiling_s:.0f} s to compile"
        print(f"{name:<8} {figures}: {says}", flush=True)


if __name__ == "__main__":
    main()
