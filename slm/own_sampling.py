"""How a model likes to be drawn from: the settings in its generation_config.json, under transformers' own names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slm.config import SampleConfig
from slm.files import SETTINGS_BYTES, read_json, write_json

GENERATION_FILE = "generation_config.json"
# Their names are transformers' own, and so is what means "off" there.
OFF = {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "repetition_penalty": 1.0}
KEPT = ("max_new_tokens", "temperature", *OFF)


def load_sampling(folder: str | Path) -> SampleConfig:
    """The settings of the model in a folder; what its generation_config.json leaves out is SampleConfig's default.

    ValueError for a file that is too large or no JSON object and for a value out of its limits.
    """
    path = Path(folder) / GENERATION_FILE
    if not path.is_file():
        return SampleConfig()
    stored = read_json(path, most_bytes=SETTINGS_BYTES)
    if not isinstance(stored, dict):
        raise ValueError(f"{path} should hold one JSON object")
    given: dict[str, Any] = {name: stored[name] for name in KEPT if stored.get(name) is not None}
    given |= {name: None for name, off in OFF.items() if given.get(name) == off}
    try:
        return SampleConfig(**given)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def save_sampling(folder: str | Path, sampling: SampleConfig, *, eot_id: int) -> None:
    """Write generation_config.json: these settings, and the token that begins and ends a story."""
    settings: dict[str, Any] = {"do_sample": True}
    for name in KEPT:
        value = getattr(sampling, name)
        if value is not None:
            settings[name] = value
        elif name in ("top_k", "top_p"):  # transformers would put a default of its own in place of what is missing
            settings[name] = OFF[name]
    ends = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), eot_id)
    write_json(Path(folder) / GENERATION_FILE, {**settings, **ends})
