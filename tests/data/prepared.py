"""Stories to prepare, and what became of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from slm.config import PrepareConfig
from slm.data import prepare
from slm.data.batches import Corpus

STORIES = [f"Once there were {i} birds — “{i * 7919 % 1000}” — and a café.\n\nThe end." for i in range(211)]


def write(path: Path, stories: list[str]) -> Path:
    path.write_text("".join(json.dumps({"text": s}) + "\n" for s in stories), encoding="utf-8")
    return path


def run(data_dir: Path, source: Path | str, **settings) -> dict:
    """Prepare to the end and return the manifest."""
    config = PrepareConfig(**{"source": str(source), "vocab": "512", "workers": 1, **settings})
    return list(prepare.prepare(config, data_dir))[-1]["manifest"]


def stories_in(corpus: Corpus, split: str) -> list[str]:
    """The stories of a part, cut at end-of-text and decoded."""
    ids = np.asarray(getattr(corpus, split))
    ends = np.flatnonzero(ids == corpus.tokenizer.eot_id)
    assert ends[-1] == len(ids) - 1
    starts = [0, *(ends[:-1] + 1)]
    return [corpus.tokenizer.decode(ids[a:b].tolist()) for a, b in zip(starts, ends, strict=True)]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a data set but the time it was made."""
    files = {path.name: path.read_bytes() for path in [*folder.glob("*.*"), folder / "copies" / "order.bin"]}
    manifest = json.loads(files["manifest.json"])
    del manifest["created"]
    return {**files, "manifest.json": json.dumps(manifest).encode()}
