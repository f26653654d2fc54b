"""What each part of a preset's recipe is worth: python benchmarks/recipe.py --source STORIES [--preset micro]

Trains the preset as it is and with one thing changed at a time, each for --seconds of training, --turns times with
other seeds, and prints the medians of the held-out bits per byte, the best first.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from slm.config import PRESETS, preset
from slm.device import choose_device, describe
from slm.runs import read_events

ROOT = Path(__file__).resolve().parent.parent
VOCABULARIES = ("2048", "gpt2")


def changes(name: str) -> dict[str, list[str]]:
    """What is changed, in words -> the flags that change it; a vocabulary is the data set's."""
    chosen = preset(name)
    shape, train = chosen.model, chosen.train
    changed = {
        "as it is": [],
        "one layer more": ["--n-layer", f"{shape.n_layer + 1}"],
        "half as wide again": ["--n-embd", f"{shape.n_embd * 3 // 2}", "--n-head", f"{shape.n_head}"],
        "classic architecture (gpt2)": ["--architecture", "gpt2"],
        "AdamW for all weights": ["--optimizer", "adamw"],
        "twice the learning rates": [
            "--learning-rate", f"{2 * train.learning_rate:g}",
            "--muon-learning-rate", f"{2 * train.muon_learning_rate:g}",
        ],
        "half the learning rates": [
            "--learning-rate", f"{train.learning_rate / 2:g}",
            "--muon-learning-rate", f"{train.muon_learning_rate / 2:g}",
        ],
        "half the batch": ["--batch-size", f"{train.batch_size // 2}"],
        "no ramp": ["--ramp-steps", "0"],
        "decay over the last fifth": ["--decay-ratio", "0.2"],
        "dropout 0.1": ["--dropout", "0.1"],
        "float32": ["--dtype", "float32"],
    }  # fmt: skip
    return {**changed, **{f"vocabulary {vocab}": ["--data", f"stories-{vocab}"] for vocab in VOCABULARIES}}


def bits_per_byte(name: str, words: list[str], work: Path, *, seconds: float, seed: int) -> float:
    """Held-out bits per byte at the end of a training of so many seconds."""
    with tempfile.TemporaryDirectory(dir=work) as checkpoints:
        slm(
            "train", "--run", "run", "--preset", name, "--data", f"stories-{preset(name).vocab}", "--seed", str(seed),
            "--data-dir", str(work), "--checkpoints", checkpoints, "--minutes", f"{seconds / 60:.4f}", *words,
        )  # fmt: skip
        events = read_events(Path(checkpoints) / "run")[0]
    return [event["val_bpb"] for event in events if event["kind"] == "eval"][-1]


def slm(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "slm", *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", default="tinystories", help="stories, as for `python -m slm prepare`")
    parser.add_argument("--preset", default="micro", choices=PRESETS)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--turns", type=int, default=3)
    args = parser.parse_args()
    print(f"{args.source}, {args.preset}, {args.seconds:g} s, {describe(choose_device())}, torch {torch.__version__}")
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for vocab in {preset(args.preset).vocab, *VOCABULARIES}:
            slm("prepare", "--source", args.source, "--vocab", str(vocab), "--name", f"stories-{vocab}",
                "--data-dir", str(work))  # fmt: skip
        for turn in range(args.turns):
            for what, words in changes(args.preset).items():
                bits = bits_per_byte(args.preset, words, work, seconds=args.seconds, seed=turn)
                found.setdefault(what, []).append(bits)
                print(f"  turn {turn + 1}: {bits:.4f} {what}", flush=True)
    for what, bits in sorted(found.items(), key=lambda row: statistics.median(row[1])):
        print(f"{statistics.median(bits):.4f} bits/byte  {what}  ({', '.join(f'{b:.4f}' for b in bits)})")


if __name__ == "__main__":
    main()
