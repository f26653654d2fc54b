"""The trainings that the forecast of the loss rests on, made again: python benchmarks/loss_law.py --data NAME

Trains each row of slm.forecast.MEASURED with `python -m slm train` and prints what it measures, what stands in the
table and what the law says. The table is of an excerpt of TinyStories, 21,518 stories out of both its editions, in
4,096 tokens. NAME is a data set of any 21,518 of its stories, whose losses may differ from the table's, such as the
first ones: python -m slm prepare --source tinystories --vocab 4096 --limit 21518. `--rows 0 6` takes the first and the
seventh. All rows take about three hours on two CPU cores; the last two are most of that.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from slm.forecast import MEASURED, Training, _law  # noqa: E402

# All that a preset says is said here, so that no change of one alters a row. The last of equal flags counts.
RECIPE = (
    "--architecture nanochat --n-inner none --dropout 0 --optimizer muon --weight-decay 0 --min-lr-ratio 0 "
    "--grad-accum-steps 1 --warmup-steps 20 --decay-ratio 0.7 --ramp-steps 0"
)
QUICK = "--learning-rate 0.006 --muon-learning-rate 0.03"
SLOW = "--learning-rate 0.003 --muon-learning-rate 0.02"
SMALL = f"{RECIPE} {QUICK} --n-layer 2 --n-embd 128 --n-head 4 --block-size 128 --batch-size 16"
SHORT = "--block-size 64 --batch-size 8"
TWO_HEADS = f"{SMALL} --n-head 2 --learning-rate 0.01 --decay-ratio 0.4 --ramp-steps 300"
WIDE = f"{SMALL} {SLOW} --n-layer 4 --n-embd 192 --n-head 6"
LARGE = f"{SMALL} {SLOW} --n-layer 6 --n-embd 256 --n-head 8 --n-inner 768 --block-size 256 --warmup-steps 50"
# One for each of MEASURED: its shape and how its tokens are cut into updates.
FLAGS = (
    f"{SMALL} {SHORT}",
    f"{SMALL} --ramp-steps 2000",
    f"{SMALL} {SHORT}",
    TWO_HEADS,
    f"{SMALL} --ramp-steps 150",
    f"{SMALL} --ramp-steps 200",
    TWO_HEADS,
    f"{SMALL} {SHORT} --n-layer 3",
    f"{SMALL} {SHORT} --n-embd 192 --n-head 6",
    WIDE,
    f"{WIDE} --batch-size 8",
    f"{WIDE} {QUICK} --ramp-steps 300",
    f"{LARGE} --batch-size 8",
    f"{LARGE} --n-head 4 --dropout 0.1 --ramp-steps 300",
)


def again(training: Training, flags: str, *, data: str, data_dir: str | None, place: Path) -> Training:
    """Train as many updates with the same settings; what came of it."""
    words = ["train", "--run", f"row-{training.tokens}", "--data", data, *flags.split(), "--steps", str(training.steps)]
    places = ["--checkpoints", str(place), *(["--data-dir", data_dir] if data_dir else [])]
    fixed = ["--eval-windows", "256", "--eval-interval", str(training.steps), "--json"]
    command = [sys.executable, "-m", "slm", *words, *fixed, *places]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr.strip().splitlines()[-1])
    told = json.loads(done.stdout.splitlines()[-1])
    return Training(told["n_params"], told["tokens"], told["step"], told["val_bpb"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--data-dir")
    parser.add_argument("--rows", type=int, nargs="*", default=range(len(MEASURED)))
    args = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    print("parameters     tokens  updates   now     table   law")
    with tempfile.TemporaryDirectory() as place:
        for row in args.rows:
            known = MEASURED[row]
            new = again(known, FLAGS[row], data=args.data, data_dir=args.data_dir, place=Path(place))
            size = f"{new.n_params:>10,} {new.tokens:>10,} {new.steps:>8,}"
            print(f"{size}   {new.bpb:.4f}  {known.bpb:.4f}  {math.exp(_law(new)):.4f}", flush=True)


if __name__ == "__main__":
    main()
