"""Time to a loss, ours against nanoGPT's: python benchmarks/time_to_loss.py --nanogpt CHECKOUT --source STORIES

Both sides train on the CPU:

1. nanoGPT's README recipe for a CPU (4 x 128, 64 tokens of context, GPT-2's vocabulary) trains for --peer-s seconds,
   start-up not counted. `python -m slm train --preset micro` gets --quick-s seconds, from the start of Python to its
   end.
2. nanoGPT's model and optimizer are given our vocabulary, the arithmetic that suits this machine, and the best of
   three shapes and three learning rates, each tried for --choose-s seconds; then it trains for --peer-s. Ours gets a
   third of that.

Prints held-out bits per byte of both sides on the same stories, medians of --turns, and the ratio of their times.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import nanogpt
from slm.checkpoint import load_folder
from slm.data.batches import Corpus, eval_windows
from slm.device import choose_dtype, describe
from slm.evaluate import bits_per_byte, windows_loss
from slm.runs import read_json

CPU = torch.device("cpu")
ROOT = Path(__file__).resolve().parent.parent
WINDOWS = 256
SHAPES = (
    {"n_layer": 4, "n_head": 4, "n_embd": 128, "block_size": 64, "batch_size": 12},
    {"n_layer": 4, "n_head": 6, "n_embd": 192, "block_size": 128, "batch_size": 8},
    {"n_layer": 6, "n_head": 8, "n_embd": 256, "block_size": 128, "batch_size": 16},
)
RATES = (1e-3, 2e-3, 4e-3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    nanogpt.add_argument(parser)
    parser.add_argument("--source", default="tinystories", help="stories, as for `python -m slm prepare`")
    parser.add_argument("--peer-s", type=float, default=200.0)
    parser.add_argument("--quick-s", type=float, default=10.0)
    parser.add_argument("--choose-s", type=float, default=60.0)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--parts", nargs="+", default=["recipe", "tuned"], choices=["recipe", "tuned"])
    parser.add_argument("--work", type=Path, help="folder for data sets and runs; none is a temporary one")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = args.work or Path(folder)
        whole, trimmed = (prepared(args.source, vocab, work) for vocab in ("gpt2", "4096"))
        print(f"{args.source}, {describe(CPU)}, torch {torch.__version__}", flush=True)
        if "recipe" in args.parts:
            recipe = nanogpt.Recipe(vocab_size=whole.tokenizer.vocab_size)
            report(args, work, "nanoGPT's recipe for a CPU", recipe, whole, our_s=args.quick_s)
        if "tuned" in args.parts:
            report(args, work, "nanoGPT tuned", choose(args, trimmed), trimmed, our_s=args.peer_s / 3)


def report(
    args: argparse.Namespace, work: Path, peers_name: str, recipe: nanogpt.Recipe, corpus: Corpus, *, our_s: float
) -> None:
    """Run both sides in turns and print the medians of their bits per byte, and the ratio of their times."""
    theirs: list[float] = []
    mine: list[float] = []
    for _ in range(args.turns):
        theirs.append(peer(args, recipe, corpus, args.peer_s))
        mine.append(ours(work, our_s))
    names = {f"{peers_name}, {args.peer_s:g} s": theirs, f"slm micro, {our_s:.0f} s, start-up counted": mine}
    for name, found in names.items():
        turns_found = ", ".join(f"{f:.4f}" for f in found)
        print(f"{name:<44} {statistics.median(found):.4f} bits/byte  ({turns_found})", flush=True)
    says = "better" if statistics.median(mine) < statistics.median(theirs) else "NOT better"
    print(f"ratio of the times {args.peer_s / our_s:.1f}, ours is {says}", flush=True)


def prepared(source: str, vocab: str, work: Path) -> Corpus:
    """The stories as a data set in this vocabulary; made where it is missing."""
    folder = work / "data" / f"stories-{vocab}"
    if not folder.is_dir():
        slm("prepare", "--source", source, "--vocab", vocab, "--name", folder.name, "--data-dir", str(folder.parent))
    return Corpus(folder)


def slm(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "slm", *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def peer(args: argparse.Namespace, recipe: nanogpt.Recipe, corpus: Corpus, budget_s: float) -> float:
    """Held-out bits per byte of nanoGPT after so many seconds of training."""
    model = nanogpt.build(args.nanogpt, recipe)
    for _ in nanogpt.updates(model, nanogpt.optimizer_of(model, recipe), recipe, corpus.train, budget_s=budget_s):
        pass
    windows = eval_windows(corpus.validation, count=WINDOWS, block_size=recipe.block_size)
    return _bits(corpus, nanogpt.windows_loss(model, *windows))


def ours(work: Path, budget_s: float) -> float:
    """Held-out bits per byte of `micro`, whose whole command ends within budget_s from the start of its process.

    A command that took longer counts for nothing; it is given again, with as much less to train.
    """
    with tempfile.TemporaryDirectory(dir=work) as checkpoints:
        minutes = (budget_s - _overhead_s(work)) / 60
        begin = time.perf_counter()
        _train(work, checkpoints, minutes=minutes)
        elapsed_s = time.perf_counter() - begin
        run = Path(checkpoints) / "run"
        model, _, about = load_folder(run / read_json(run / "last.json")["snapshot"])
        print(f"  ours: {elapsed_s:.1f} s from start to end, {about['tokens']:,} tokens", flush=True)
        if elapsed_s > budget_s:
            _measured_overhead_s[0] += elapsed_s - budget_s
            return ours(work, budget_s)
        corpus = Corpus(work / "data" / "stories-4096")
        windows = eval_windows(corpus.validation, count=WINDOWS, block_size=model.config.block_size)
        loss = windows_loss(model, *windows)
        assert loss is not None
        return _bits(corpus, loss)


def _train(work: Path, checkpoints: str, *, minutes: float) -> None:
    slm(
        "train", "--run", "run", "--data", "stories-4096", "--data-dir", str(work / "data"), "--preset", "micro",
        "--checkpoints", checkpoints, "--minutes", f"{minutes:.4f}", "--device", "cpu",
    )  # fmt: skip


_measured_overhead_s: list[float] = []


def _overhead_s(work: Path) -> float:
    """Seconds that the command takes for all but training: imports, opening, the last evaluation, sample and save."""
    if not _measured_overhead_s:
        with tempfile.TemporaryDirectory(dir=work) as checkpoints:
            begin = time.perf_counter()
            _train(work, checkpoints, minutes=2.0 / 60)
            _measured_overhead_s.append(time.perf_counter() - begin - 2.0)
    return _measured_overhead_s[0] + 0.3


def choose(args: argparse.Namespace, corpus: Corpus) -> nanogpt.Recipe:
    """The best of the shapes and learning rates for nanoGPT."""
    base = nanogpt.Recipe(vocab_size=corpus.tokenizer.vocab_size, dtype=choose_dtype("auto", CPU))
    found = {}
    for shape in SHAPES:
        for rate in RATES:
            recipe = replace(base, learning_rate=rate, **shape)
            found[recipe] = peer(args, recipe, corpus, args.choose_s)
            print(f"  nanoGPT {shape['n_layer']} x {shape['n_embd']} at {rate:g}: {found[recipe]:.4f}", flush=True)
    return min(found, key=lambda recipe: found[recipe])


def _bits(corpus: Corpus, nats: float) -> float:
    sizes = corpus.manifest["validation"]
    return bits_per_byte(nats, tokens=sizes["tokens"], bytes=sizes["bytes"])


if __name__ == "__main__":
    main()
