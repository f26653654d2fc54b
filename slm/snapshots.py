"""What a training leaves on disk: snapshots to look back at, and the state from which it goes on.

    snapshots/000300/            a complete checkpoint folder
    resume/optimizer-000300.safetensors, resume/state.json   for the newest snapshot; state.json is written last

Snapshots stand log-spaced (each KEEP_RATIO times the step of the one before), plus the best and the newest one.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from slm.checkpoint import load_folder, save
from slm.model import GPT
from slm.runs import find_snapshots, is_checkpoint, read_json, replacing, write_json
from slm.tokenizer import Tokenizer

KEEP_RATIO = 1.5


def steps_to_keep(steps: Sequence[int], *, best: int | None) -> set[int]:
    """Which of the saved steps stay: log-spaced ones, the best and the newest."""
    kept: list[int] = []
    for step in sorted(steps):
        if not kept or step >= KEEP_RATIO * kept[-1]:
            kept.append(step)
    return {*kept, *list(sorted(steps)[-1:]), *([] if best is None else [best])}


def is_log_spaced(step: int, steps: Sequence[int]) -> bool:
    """Whether a snapshot at this step would stay for good."""
    return not steps or step >= KEEP_RATIO * max(steps_to_keep(steps, best=None))


class RunStore:
    """The snapshots and the resume state of one run folder."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir

    def steps(self) -> list[int]:
        """Steps of the snapshots there are, rising."""
        return [int(p.name) for p in find_snapshots(self.run_dir)]

    def best(self) -> dict[str, Any] | None:
        """The best snapshot so far as {"snapshot", "step", "val_loss"}."""
        return self._pointer("best.json")

    def save(
        self,
        model: GPT,
        tokenizer: Tokenizer,
        *,
        about: dict[str, Any],
        optimizer: dict[str, Tensor],
        state: dict[str, Any],
    ) -> dict[str, Any]:
        """Write a snapshot of about["step"] and the state to go on from it; returns {"path", "val_loss", "best"}.

        A kill at any moment leaves the earlier state whole: each file is renamed into place, the pointer to it last.
        """
        step, val_loss = about["step"], about.get("val_loss")
        name = f"snapshots/{step:06d}"
        best = self.best()
        is_best = best is None or (val_loss is not None and (best["val_loss"] is None or val_loss <= best["val_loss"]))
        save(self.run_dir / name, model, tokenizer, about=about)
        file = self.run_dir / "resume" / f"optimizer-{step:06d}.safetensors"
        with replacing(file) as part:
            save_file({k: t.detach().contiguous().cpu() for k, t in optimizer.items()}, part)
        write_json(self.run_dir / "resume" / "state.json", {**state, "step": step, "optimizer": file.name})
        pointer = {"snapshot": name, "step": step, "val_loss": val_loss}
        write_json(self.run_dir / "last.json", pointer)
        if is_best:
            write_json(self.run_dir / "best.json", pointer)
        self._prune(best=step if is_best or best is None else best["step"], newest=file)
        return {"path": name, "val_loss": val_loss, "best": is_best}

    def load(self) -> tuple[GPT, dict[str, Tensor], dict[str, Any]] | None:
        """The model, optimizer state and position to go on from; None where nothing whole was saved yet.

        What a killed process left behind past that position is removed.
        """
        try:
            state = read_json(self.run_dir / "resume" / "state.json")
            folder = self.run_dir / f"snapshots/{state['step']:06d}"
            optimizer = load_file(self.run_dir / "resume" / state["optimizer"])
        except FileNotFoundError:
            return None
        except (SafetensorError, KeyError, ValueError) as error:
            raise ValueError(f"the state to resume from in {self.run_dir} is damaged: {error}") from None
        model, _, _ = load_folder(folder)
        for newer in (s for s in self.steps() if s > state["step"]):
            shutil.rmtree(self.run_dir / f"snapshots/{newer:06d}")
        self._repair_pointers(state["step"])
        return model, optimizer, state

    def _prune(self, *, best: int, newest: Path) -> None:
        steps = self.steps()
        for step in set(steps) - steps_to_keep(steps, best=best):
            shutil.rmtree(self.run_dir / f"snapshots/{step:06d}")
        for file in newest.parent.glob("optimizer-*.safetensors"):
            if file != newest:
                file.unlink()

    def _pointer(self, name: str) -> dict[str, Any] | None:
        try:
            pointer = read_json(self.run_dir / name)
        except FileNotFoundError:
            return None
        return pointer if is_checkpoint(self.run_dir / pointer["snapshot"]) else None

    def _repair_pointers(self, step: int) -> None:
        """Let best.json and last.json mean snapshots that exist."""
        about = read_json(self.run_dir / f"snapshots/{step:06d}" / "slm.json")
        pointer = {"snapshot": f"snapshots/{step:06d}", "step": step, "val_loss": about.get("val_loss")}
        write_json(self.run_dir / "last.json", pointer)
        if self.best() is None:
            write_json(self.run_dir / "best.json", pointer)
