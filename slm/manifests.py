"""What a prepared data set says of itself, held to what a training wants to know of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slm.files import read_json

KINDS: dict[str, type | tuple[type, ...]] = {
    "vocab_size": int,
    "fingerprint": str,
    "unigram_entropy": (int, float),
    "train": dict,
    "validation": dict,
}
COUNTS = ("stories", "tokens", "bytes")  # of either part


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a prepared data set; FileNotFoundError where there is none, ValueError where it is damaged."""
    path = folder / "manifest.json"
    manifest = read_json(path)
    if not isinstance(manifest, dict):
        raise ValueError(f"{path} holds no manifest: it is damaged, prepare the data set again")
    lacking = [name for name, kind in KINDS.items() if not isinstance(manifest.get(name), kind)]
    for part in {"train", "validation"} - set(lacking):
        lacking += [f"{part}.{name}" for name in COUNTS if not isinstance(manifest[part].get(name), int)]
    if lacking:
        raise ValueError(f"{path} lacks {', '.join(sorted(lacking))}: it is damaged, prepare the data set again")
    return manifest
