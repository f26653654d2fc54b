"""What the presets came to when they were trained: a line below the choice of a size, made by docs/presets_table.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from demo.views.words import BITS_PER_BYTE, duration, escape, number
from slm.files import read_json

MEASURED_FILE = Path(__file__).resolve().parents[1] / "static" / "presets.json"


def measured() -> dict[str, dict[str, Any]]:
    """By preset: parameters, elapsed_s, tokens, hardware, val_bpb (on the training's fixed windows), seed, story."""
    return read_json(MEASURED_FILE)


def measured_html(preset: str | None) -> str:
    """What a training of this size came to once, with the beginning of a story; empty where none was measured."""
    found = measured().get(preset or "")
    if found is None:
        return ""
    where = f" with {found['hardware']}" if found["hardware"] else ""
    bits = f"{number(found['val_bpb'], 3)} {BITS_PER_BYTE}"
    lead = f"Measured on TinyStories{where}: {bits} after {duration(found['elapsed_s'])}."
    return (
        f'<section class="slm"><p class="slm-measured">{escape(lead)} Its story with seed {escape(found["seed"])} '
        f"begins: <q>{escape(found['story'])}</q></p></section>"
    )
