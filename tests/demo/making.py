"""Runs as trainings leave them, made at once."""

from __future__ import annotations

from pathlib import Path

from demo.session import Session
from slm.runs import EventLog, write_json


def make_run(session: Session, name: str, *kinds: str, created: float = 1.0) -> Path:
    run = session.checkpoints / name
    write_json(run / "run.json", {"run": name, "created": created, "preset": "golden", "data": "tiny", "train": {}})
    with EventLog(run / "events.jsonl") as log:
        for step, kind in enumerate(kinds):
            log.append(kind, step, **({"reason": "stopped", "message": ""} if kind == "end" else {"loss": 3.0}))
    return run
