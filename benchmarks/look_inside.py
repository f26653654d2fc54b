"""How long a look inside a model takes: python benchmarks/look_inside.py [CHECKPOINT] [--tokens N] [--turns N]

Prints the machine and, for a text of so many tokens, the median time of all that the Inside tab shows of it (tokens,
next tokens, attention, each layer's guess, neighbours) as the page asks for it, its size on the way to the browser, and
the share that the model's own pass has. Moving from token to token after that asks nothing.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from demo.inspecting import Stages, look
from demo.session import Session

ROOT = Path(__file__).resolve().parent.parent
TEXT = "Once upon a time, there was a little girl named Lily. She loved to play in the park with her dog. One day, "


def median_ms(act: Callable[[], object], turns: int) -> float:
    """The median of so many turns, after one that warms up."""
    act()
    spans = []
    for _ in range(turns):
        start = time.perf_counter()
        act()
        spans.append(1000 * (time.perf_counter() - start))
    return statistics.median(spans)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", nargs="?", type=Path, default=ROOT / "checkpoints" / "tinystories-5m")
    parser.add_argument("--tokens", type=int, default=50)
    parser.add_argument("--turns", type=int, default=15)
    args = parser.parse_args()
    session = Session(args.checkpoint.parent, args.checkpoint.parent)
    name, stages = args.checkpoint.name, Stages.now(session, args.checkpoint.name)
    lm = session.language_model(name)
    ids = lm.tokenizer.encode(TEXT * (1 + args.tokens // 20))[: args.tokens]
    text = lm.tokenizer.decode(ids)
    value = look(session, name, stages, None, text)
    batch = torch.tensor([value["ids"]])

    @torch.inference_mode()
    def forward() -> object:
        return lm.model(batch)

    size_kb = len(json.dumps(value).encode()) / 1000
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}, {name}")
    print(f"{len(value['ids'])} tokens, {size_kb:.0f} kB to the browser")
    print(f"a look inside      {median_ms(lambda: look(session, name, stages, None, text), args.turns):7.1f} ms")
    print(f"the forward pass   {median_ms(forward, args.turns):7.1f} ms")


if __name__ == "__main__":
    main()
