"""The trainings that the forecast of the loss rests on, made again: python benchmarks/loss_law.py --data NAME

Trains each row of slm.forecast.MEASURED with `python -m slm train` and prints what it measures, what stands in the
table and what the law says. NAME is a data set of the first 21,518 stories of TinyStories in 4,096 tokens:
python -m slm prepare --source tinystories --vocab 4096 --limit 21518. `--rows 0 6` takes the first and the seventh.
All rows take about three hours on two CPU cores; the last two are most of that.
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

SMALL = "--preset micro --n-layer 2 --n-embd 128 --n-head 4 --learning-rate 0.006 --muon-learning-rate 0.03"
SHORT = "--block-size 64 --batch-size 8"
# One for each of MEASURED: its shape and how its tokens are cut into updates.
FLAGS = (
    f"{SMALL} {SHORT}",
    f"{SMALL} --ramp-steps 2000",
    f"{SMALL} {SHORT}",
    f"{SMALL} --ramp-steps 150",
    f"{SMALL} --ramp-steps 200",
    f"{SMALL} {SHORT} --n-layer 3",
    f"{SMALL} {SHORT} --n-embd 192 --n-head 6",
    "--preset micro",
    "--preset micro --batch-size 8",
    "--preset micro --learning-rate 0.006 --muon-learning-rate 0.03 --ramp-steps 300",
    "--preset mini --batch-size 8",
    "--preset mini --n-head 4 --dropout 0.1 --ramp-steps 300",
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
