"""How a run was begun, as its run.json says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slm.config import ModelConfig, TrainConfig
from slm.files import read_json


def recorded_plan(run_dir: Path) -> dict[str, Any]:
    """How a run was begun: data (the name of its data set), preset, model, train and init_from.

    Raises ValueError where there is no such run, or one of another version.
    """
    try:
        record = read_json(run_dir / "run.json")
        return {
            "data": record["data"]["name"],
            "preset": record["preset"],
            "model": ModelConfig(**record["model"]),
            "train": TrainConfig(**record["train"]),
            "init_from": record.get("init_from"),
        }
    except FileNotFoundError:
        raise ValueError(f"there is no run {run_dir.name!r} in {run_dir.parent} to resume") from None
    except (KeyError, TypeError) as error:
        raise ValueError(f"{run_dir / 'run.json'} is not this version's: {error}") from None
