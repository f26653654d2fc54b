"""How large the copy check's index is, how long its making takes, and how long one story takes to check.

    python benchmarks/copies.py DATA_SET_FOLDER [--million-tokens N]

With --million-tokens the data set's sentences are drawn at random, with repetition, until there are so many tokens: a
stand-in for a larger corpus, and a hard one, since its sentences come again and again. It lies in the system's folder
for temporary files (2.5 bytes a token) and is removed.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from slm.data.batches import ID_TYPE, Corpus
from slm.data.copies import CopyIndex, build_index
from slm.files import write_json

STORIES = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--million-tokens", type=int)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="slm-copies-") as place:
        folder = Path(place) / "data"
        shutil.copytree(args.folder, folder, ignore=shutil.ignore_patterns("copies"))
        if args.million_tokens:
            enlarge(folder, args.million_tokens * 1_000_000)
        measure(folder)


def enlarge(folder: Path, tokens: int) -> None:
    """Make the training stories of a data set `tokens` long by drawing their sentences again and again."""
    corpus = Corpus(folder)
    ids, random = np.asarray(corpus.train).copy(), np.random.default_rng(7)
    ends = np.flatnonzero(np.isin(ids, [*corpus.tokenizer.encode("."), corpus.tokenizer.eot_id])) + 1
    sentences = np.split(ids, ends)
    written = 0
    with open(folder / "train.bin", "wb") as file:
        while written < tokens:
            drawn = np.concatenate([sentences[i] for i in random.integers(0, len(sentences), 500_000)])
            drawn = drawn[: tokens - written].astype(ID_TYPE)
            file.write(drawn.data)
            written += len(drawn)
    manifest = {**corpus.manifest, "train": {**corpus.manifest["train"], "tokens": written}}
    write_json(folder / "manifest.json", manifest)


def measure(folder: Path) -> None:
    """Build the index and look up validation stories, and print what it took."""
    begun, cpu = time.perf_counter(), time.process_time()
    for done in build_index(folder):
        print(f"  {done:,} tokens after {time.perf_counter() - begun:.1f} s", flush=True)
    wall_s, cpu_s = time.perf_counter() - begun, time.process_time() - cpu
    size_mb = (folder / "copies" / "order.bin").stat().st_size / 1e6
    index = CopyIndex(folder)
    corpus = index.corpus
    ids = np.asarray(corpus.validation)
    ends = np.flatnonzero(ids == corpus.tokenizer.eot_id)[: STORIES + 1]
    texts = [corpus.tokenizer.decode(ids[a + 1 : b].tolist()) for a, b in itertools.pairwise(ends)]
    spent = []
    for text in texts:
        begin = time.perf_counter()
        index.find(text)
        spent.append(time.perf_counter() - begin)
    million = len(corpus.train) / 1e6
    print(f"machine      {platform.processor() or platform.machine()}, {os.cpu_count()} cores, one used")
    print(f"data set     {million:,.1f} M tokens, {2 * million:,.0f} MB")
    print(f"index        {size_mb:,.1f} MB, {size_mb / million:.2f} bytes a token")
    print(f"its making   {wall_s:.1f} s, {cpu_s:.1f} s of one core, {1000 * cpu_s / million:.0f} ms a million tokens")
    print(f"one story    {1000 * np.median(spent):.0f} ms (median of {len(spent)}), {1000 * max(spent):.0f} ms at most")
    print(f"memory       {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:,.0f} MB at most")


if __name__ == "__main__":
    main()
