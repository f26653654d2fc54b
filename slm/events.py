"""The event log of a training: one JSON object a line, one writer, any number of readers.

Each event has `v` (1), `t` (unix seconds), `kind` and `step`. The kinds and their further fields:

    start        n_params, device, dtype, threads, tokens_per_step, max_steps or budget_s, resumed_from_step
    train        loss, lr, grad_norm, tokens, elapsed_s, tok_per_s
    eval         val_loss, val_bpb, train_loss
    sample       prompt, text, seed, temperature
    checkpoint   path, val_loss, best
    warning      code, message (of code "finishing" also last_step)
    end          reason (finished, stopped, diverged, error), message

A `start` with resumed_from_step takes back what came before it past that step. A resume writes one, and so does a
training that goes back to its newest snapshot by itself. Codes of warnings: diverging (that going back, or the end in
its place), finishing (a quick end was asked for), compiling (before the first update), compile-failed, out-of-memory
(the micro-batch is halved), save-failed (a full disk), sample-failed, broken-line (from `read_events`).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from slm.files import plain

EVENTS_FILE = "events.jsonl"
EVENT_KINDS = ("start", "train", "eval", "sample", "checkpoint", "warning", "end")
END_REASONS = ("finished", "stopped", "diverged", "error")


class EventLog:
    """The one writer of an event file; every event is on its way to the disk when `append` returns.

    `append` raises OSError where the disk is full, and leaves no half line.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self.path, "a+b", buffering=0)  # noqa: SIM115 (closed by close)
        self._cut_torn_tail()

    def append(self, kind: str, step: int, **fields: Any) -> dict[str, Any]:
        """Write one event and hand it back as readers will see it (non-finite floats are None)."""
        assert kind in EVENT_KINDS, kind
        event = plain({"v": 1, "t": round(time.time(), 3), "kind": kind, "step": int(step), **fields})
        self._write(json.dumps(event, ensure_ascii=False, allow_nan=False).encode() + b"\n")
        return event

    def close(self) -> None:
        """Let go of the file; no more events can be written."""
        self._file.close()

    def __enter__(self) -> EventLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, line: bytes) -> None:
        # One write call a line: a reader sees a beginning of it at worst, never two lines mixed. On a disk with room
        # for a part of it that call writes the part, and the next one raises.
        begin = self._file.seek(0, os.SEEK_END)
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError as error:
            self._file.truncate(begin)
            raise OSError(
                f"{self.path} cannot be written ({error.strerror}), so the training ends; make room on the disk, then "
                "--resume goes on from the newest snapshot"
            ) from error

    def _cut_torn_tail(self) -> None:
        # A killed writer leaves half a line; readers never took it, so it can go.
        size = self._file.seek(0, os.SEEK_END)
        position = size
        while position > 0:
            start = max(0, position - 65536)
            self._file.seek(start)
            newline = self._file.read(position - start).rfind(b"\n")
            if newline >= 0:
                position = start + newline + 1
                break
            position = start
        if position < size:
            self._file.truncate(position)


def read_events(run_dir: str | Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """The events after byte `offset` of a run's log, and the offset to go on from.

    Only whole lines are taken: a torn tail waits for the next call. No log yet: no events. A whole line that is
    no event stands in the list as a `warning` with code "broken-line". An offset that is not the beginning of a
    line (the run was deleted and begun anew) reads from the beginning.
    """
    lines, start, end = read_lines(Path(run_dir) / EVENTS_FILE, offset)
    events: list[dict[str, Any]] = []
    for line in lines:
        previous = events[-1] if events else {"t": 0.0, "step": 0}
        events.append(parse_line(line) or _broken_line(previous, start))
        start += len(line)
    return events, end


def read_lines(path: Path, offset: int) -> tuple[list[bytes], int, int]:
    """The whole lines of a file after byte `offset`, where they begin and where they end."""
    try:
        file = open(path, "rb")  # noqa: SIM115
    except FileNotFoundError:
        return [], 0, 0
    with file:
        if offset > 0:
            file.seek(offset - 1)
            offset = offset if file.read(1) == b"\n" else 0
        offset = max(offset, 0)
        file.seek(offset)
        data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    return [line + b"\n" for line in whole.split(b"\n")[:-1]], offset, offset + len(whole)


def parse_line(line: bytes) -> dict[str, Any] | None:
    """The event in one line, or None where it holds none."""
    try:
        event = json.loads(line, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None
    sound = isinstance(event, dict) and isinstance(event.get("kind"), str) and isinstance(event.get("step"), int)
    return event if sound else None


def after_resume(events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events that count: what came before a resume and lies past the step it went on from is dropped."""
    kept: list[dict[str, Any]] = []
    for event in events:
        if event["kind"] == "start":
            step = event.get("resumed_from_step") or 0
            kept = [e for e in kept if e["step"] <= step]
        kept.append(event)
    return kept


def _broken_line(previous: dict[str, Any], start: int) -> dict[str, Any]:
    message = f"The line at byte {start} of {EVENTS_FILE} is no event; it was left out."
    return {
        "v": 1,
        "t": previous["t"],
        "kind": "warning",
        "step": previous["step"],
        "code": "broken-line",
        "message": message,
    }
