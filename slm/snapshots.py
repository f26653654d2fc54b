"""What a training leaves on disk: snapshots to look back at, and the state from which it goes on.

    snapshots/000300/            a complete checkpoint folder
    resume/optimizer-000300.safetensors, resume/state.json   for the newest snapshot; state.json is written last

Snapshots stand log-spaced (each KEEP_RATIO times the step of the one before), plus the best and the newest one.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from slm.card import events_of, model_card
from slm.checkpoint import load_folder, save
from slm.files import read_json, remove, rename, replacing, write_json
from slm.model import GPT
from slm.runs import find_snapshots, is_checkpoint
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
        Raises OSError where the disk is full; the earlier state is whole then too, and what was new is gone.
        """
        step, val_loss = about["step"], about.get("val_loss")
        folder, file = self._snapshot(step), self.run_dir / "resume" / f"optimizer-{step:06d}.safetensors"
        name = f"snapshots/{folder.name}"
        best = self.best()
        is_best = _is_better(val_loss, best)
        try:
            self._save_model(folder, model, tokenizer, about)
            with replacing(file) as part:
                save_file({k: t.detach().contiguous().cpu() for k, t in optimizer.items()}, part)
            write_json(self._state_file, {**state, "step": step, "optimizer": file.name})
        except (OSError, SafetensorError) as error:
            self._forget(step)
            raise OSError(_reason(error)) from error
        pointer = {"snapshot": name, "step": step, "val_loss": val_loss}
        write_json(self.run_dir / "last.json", pointer)
        if is_best:
            write_json(self.run_dir / "best.json", pointer)
        # What a reader holds open on Windows goes after the next save: this one is whole.
        with contextlib.suppress(PermissionError):
            self._prune(best=step if is_best or best is None else best["step"], newest=file)
        return {"path": name, "val_loss": val_loss, "best": is_best}

    def load(
        self, *, dropout: float | None = None, tidy: bool = True
    ) -> tuple[GPT, dict[str, Tensor], dict[str, Any]] | None:
        """The model, optimizer state and position to go on from; None where nothing whole was saved yet.

        The model gets this share of dropout, else the one it was saved with. What a killed process left behind past
        that position, or half-written, is removed where this process is the one to `tidy`. Raises ValueError where the
        state was whole once and is damaged now.
        """
        state, optimizer = None, {}
        try:
            if self._state_file.exists():
                state = read_json(self._state_file)
                optimizer = load_file(self.run_dir / "resume" / state["optimizer"])
            elif (self.run_dir / "last.json").exists():
                raise FileNotFoundError(f"{self._state_file} is missing")
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"the state to resume from in {self.run_dir} is damaged ({error}); its snapshots can still write, but "
                "training needs a new run"
            ) from None
        model = load_folder(self._snapshot(state["step"]))[0] if state else None
        if tidy:
            self._clear_leftovers(past=state["step"] if state else -1)
        if model is None or state is None:
            return None
        if tidy:
            self._repair_pointers(state["step"])
        return model if dropout is None else _with_dropout(model, dropout), optimizer, state

    def amend(self, **fields: Any) -> None:
        """Change some fields of the saved position; where nothing was saved yet there is nothing to change."""
        if self._state_file.exists():
            write_json(self._state_file, {**read_json(self._state_file), **fields})

    @property
    def _state_file(self) -> Path:
        return self.run_dir / "resume" / "state.json"

    def _snapshot(self, step: int) -> Path:
        return self.run_dir / "snapshots" / f"{step:06d}"

    def _save_model(self, folder: Path, model: GPT, tokenizer: Tokenizer, about: dict[str, Any]) -> None:
        if not folder.exists():
            save(folder, model, tokenizer, about=about)
            return
        # A folder cannot be swapped for another in one move, and the weights after a step are the same each time.
        write_json(folder / "slm.json", about)
        with replacing(folder / "README.md") as part:
            part.write_text(model_card(about, model.config, events_of(folder, about["step"])), encoding="utf-8")

    def _forget(self, step: int) -> None:
        """Remove what a failed save of this step wrote, unless it is what the run goes on from."""
        if self._state_file.exists() and read_json(self._state_file)["step"] == step:
            return
        _discard(self._snapshot(step))
        remove(self.run_dir / "resume" / f"optimizer-{step:06d}.safetensors")

    def _clear_leftovers(self, *, past: int) -> None:
        for newer in (s for s in self.steps() if s > past):
            _discard(self._snapshot(newer))
        for folder in (self.run_dir, self.run_dir / "snapshots", self.run_dir / "resume", self._snapshot(past)):
            for leftover in [*folder.glob(".*.part"), *folder.glob(".*.old")]:
                remove(leftover)

    def _prune(self, *, best: int, newest: Path) -> None:
        steps = self.steps()
        for step in set(steps) - steps_to_keep(steps, best=best):
            _discard(self._snapshot(step))
        for file in newest.parent.glob("optimizer-*.safetensors"):
            if file != newest:
                file.unlink()

    def _pointer(self, name: str) -> dict[str, Any] | None:
        try:
            read = read_json(self.run_dir / name)
            pointer = {key: read[key] for key in ("snapshot", "step", "val_loss")}
            return pointer if is_checkpoint(self.run_dir / pointer["snapshot"]) else None
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None  # no such pointer, or a damaged one: the next save writes another

    def _repair_pointers(self, step: int) -> None:
        """Let best.json and last.json mean snapshots that exist."""
        about = read_json(self._snapshot(step) / "slm.json")
        pointer = {"snapshot": f"snapshots/{step:06d}", "step": step, "val_loss": about.get("val_loss")}
        write_json(self.run_dir / "last.json", pointer)
        if _is_better(pointer["val_loss"], self.best()):
            write_json(self.run_dir / "best.json", pointer)


def _is_better(val_loss: float | None, best: dict[str, Any] | None) -> bool:
    """Whether a snapshot of this loss takes the place of the best one, if there is one."""
    return best is None or (val_loss is not None and (best["val_loss"] is None or val_loss <= best["val_loss"]))


def _discard(folder: Path) -> None:
    """Remove a folder that a kill in between must not leave in part under its own name."""
    if folder.exists():
        aside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.old")
        rename(folder, aside)
        remove(aside)


def _reason(error: BaseException) -> str:
    """Why writing failed, in the system's words alone (safetensors puts its own around them)."""
    return (getattr(error, "strerror", None) or str(error)).rpartition("I/O error: ")[2]


def _with_dropout(model: GPT, dropout: float) -> GPT:
    """The same weights with this share of dropout, which transformers' config.json may not have kept."""
    if model.config.dropout == dropout:
        return model
    fresh = GPT(replace(model.config, dropout=dropout))
    fresh.load_state_dict(model.state_dict())
    return fresh
