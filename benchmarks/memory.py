"""How much memory a training takes, and that it does not grow: python benchmarks/memory.py [--peer NANOGPT_CHECKOUT]

Prints the peak resident memory of `python -m slm train` on the preset slm-51m (16 sequences of 256 tokens an update, at
once or 8 at a time, as written and compiled, with an evaluation, a sample and a save), of nanoGPT's model in the same
shape with updates of 8 sequences where a checkout is given, and the resident memory of a small training at step 200 and
at step 2,000. For Linux and macOS, on the CPU.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from slm.config import PrepareConfig
from slm.data.prepare import prepare
from slm.runs import read_events

ROOT = Path(__file__).resolve().parent.parent
UPDATES = 5
EARLY, LATE = 200, 2000
NANOGPT = f"""
import sys
sys.path.insert(0, sys.argv[1])
import torch
from model import GPT, GPTConfig
model = GPT(GPTConfig(block_size=256, vocab_size=50257, n_layer=8, n_head=8, n_embd=512, dropout=0.0, bias=True))
optimizer = model.configure_optimizers(0.1, 1e-3, (0.9, 0.95), "cpu")
for _ in range({UPDATES}):
    ids = torch.randint(50257, (8, 257))
    with torch.autocast("cpu", torch.bfloat16):
        _, loss = model(ids[:, :-1].contiguous(), ids[:, 1:].contiguous())
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
"""


def peak_gb(words: list[str]) -> float:
    """Most resident memory, in 10^9 bytes, that a command had; that of its children is not added."""
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL) as child:
        _, state, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(state)
    assert child.returncode == 0, words
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9


def resident_mb(pid: int) -> float:
    """Resident memory of a process now, in 10^6 bytes."""
    return int(subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True).stdout) * 1024 / 1e6


def train_words(place: Path, *words: str) -> list[str]:
    places = ["--checkpoints", str(place), "--data-dir", str(place / "data"), "--device", "cpu"]
    return [sys.executable, "-m", "slm", "train", *places, *words]


def data(place: Path, vocab: str) -> str:
    """The name of a data set of starter stories."""
    name = f"starter-{vocab}"
    for _ in prepare(PrepareConfig(name=name, limit=600, vocab=vocab, workers=1), place / "data"):
        pass
    return name


def large(place: Path, *, micro_batch: int, compiled: bool) -> float:
    """Peak of slm-51m, this many of an update's 16 sequences at a time."""
    flag = str(compiled).lower()
    words = ("--run", f"large-{micro_batch}-{flag}", "--preset", "slm-51m", "--data", data(place, "gpt2"))
    words += ("--compile", flag)
    size = ("--batch-size", str(micro_batch), "--grad-accum-steps", str(16 // micro_batch), "--steps", str(UPDATES))
    return peak_gb(train_words(place, *words, *size, "--eval-windows", "16", "--sample-tokens", "20"))


def growth(place: Path) -> tuple[float, float]:
    """Resident memory early and late in a training that evaluates, samples and saves all along."""
    words = ("--run", "small", "--preset", "golden", "--data", data(place, "512"), "--steps", str(LATE + 100))
    looks = ("--eval-interval", "50", "--sample-tokens", "30", "--save-interval-s", "0", "--threads", "1")
    found: list[float] = []
    with subprocess.Popen(train_words(place, *words, *looks), cwd=ROOT, stdout=subprocess.DEVNULL) as child:
        offset = 0
        while child.poll() is None:
            events, offset = read_events(place / "small", offset)
            if events and events[-1]["step"] >= (EARLY, LATE)[min(len(found), 1)] and len(found) < 2:
                found.append(resident_mb(child.pid))
            time.sleep(0.02)
    assert child.returncode == 0 and len(found) == 2, found
    return found[0], found[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", metavar="PATH", help="A checkout of nanoGPT to measure as well.")
    args = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        for compiled, micro_batch in ((True, 16), (True, 8), (False, 16), (False, 8)):
            ours = large(Path(folder), micro_batch=micro_batch, compiled=compiled)
            how = f"{micro_batch} at a time, {'compiled' if compiled else 'as written'}"
            print(f"slm-51m, 16 x 256 tokens an update, {how}: {ours:.2f} GB at most", flush=True)
        if args.peer:
            theirs = peak_gb([sys.executable, "-c", NANOGPT, str(Path(args.peer).absolute())])
            ratio = theirs / ours
            print(f"nanoGPT, the same shape, 8 x 256 tokens an update: {theirs:.2f} GB at most, {ratio:.2f} times that")
        early, late = growth(Path(folder))
        change_pct = 100 * (late / early - 1)
        print(f"golden: {early:.0f} MB at step {EARLY}, {late:.0f} MB at step {LATE}: {change_pct:+.1f} %")


if __name__ == "__main__":
    main()
