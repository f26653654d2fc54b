"""Runs as trainings leave them and data sets as preparations do, made at once; a filled form."""

from __future__ import annotations

from pathlib import Path

from demo.forms import STARTER, TrainForm, form_fields, preset_values
from demo.session import Session
from slm.runs import EventLog, write_json


def make_run(session: Session, name: str, *kinds: str, created: float = 1.0) -> Path:
    run = session.checkpoints / name
    write_json(run / "run.json", {"run": name, "created": created, "preset": "golden", "data": "tiny", "train": {}})
    with EventLog(run / "events.jsonl") as log:
        for step, kind in enumerate(kinds):
            log.append(kind, step, **({"reason": "stopped", "message": ""} if kind == "end" else {"loss": 3.0}))
    return run


def make_trained(session: Session, name: str, *, snapshots: int = 0, end: str | None = None) -> Path:
    """A run with one update, snapshots that hold no model, and an end where a reason is given."""
    run = session.checkpoints / name
    write_json(run / "run.json", {"name": name, "created": 1.0})
    with EventLog(run / "events.jsonl") as log:
        log.append("train", 1, loss=3.0, elapsed_s=60.0)
        if end:
            log.append("end", 1, reason=end, message="")
    for step in range(snapshots):
        write_json(run / f"snapshots/{step + 1:06d}/config.json", {})
        (run / f"snapshots/{step + 1:06d}/model.safetensors").touch()
    return run


def make_bundled(session: Session, name: str) -> None:
    write_json(session.checkpoints / name / "config.json", {})
    (session.checkpoints / name / "model.safetensors").touch()


def own_set(session: Session, name: str, *, tokens: int, created: float = 1.0) -> None:
    counts = {"stories": 1, "tokens": tokens, "bytes": 4 * tokens}
    manifest = {"name": name, "fingerprint": name, "created": created, "vocab_size": 512, "train": counts}
    write_json(session.data / name / "manifest.json", manifest)


def form(preset: str = "golden", minutes: float | None = 1.0, **more: object) -> TrainForm:
    values = dict(zip((f.name for f in form_fields()), preset_values(preset), strict=True))
    return TrainForm.from_values(STARTER, preset, minutes, "", list({**values, **more}.values()))
