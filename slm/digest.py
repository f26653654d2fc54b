"""What the events of a run come to, kept up to date by reading only what is new."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from slm.events import EVENTS_FILE, parse_line, read_lines

# Runs whose digests are kept between two looks at a list; past this number the one unused longest is read again.
KEPT = 512


class EventDigest:
    """The events that matter of one log: the latest start, train and end, the best evaluation, the last of all.

    An event that has not come is an empty dict.
    """

    def __init__(self) -> None:
        self.offset = 0
        self.first_line = b""
        self.start: dict[str, Any] = {}
        self.train: dict[str, Any] = {}
        self.end: dict[str, Any] = {}
        self.last: dict[str, Any] = {}
        self.evals: list[dict[str, Any]] = []

    @property
    def best(self) -> dict[str, Any]:
        """The evaluation with the lowest loss."""
        known = [e for e in self.evals if e.get("val_loss") is not None]
        return min(known, key=lambda e: e["val_loss"], default={})

    @property
    def first(self) -> dict[str, Any]:
        """The first event."""
        return parse_line(self.first_line) or {}

    def belongs_to(self, path: Path) -> bool:
        """Whether this is still the log that was read: a run may be deleted and begun anew under the same name."""
        with open(path, "rb") as file:
            # The first line holds the time of the start; inode numbers are given out again.
            return file.read(len(self.first_line)) == self.first_line and file.seek(0, os.SEEK_END) >= self.offset

    def read(self, path: Path) -> None:
        """Take in the whole lines that were added since the last time."""
        lines, _, self.offset = read_lines(path, self.offset)
        train_line = last_line = b""
        for line in lines:
            # Nearly all events are train events, and only the last one is wanted: the others are not parsed.
            # The pattern cannot occur inside a text, where JSON writes a quote as \".
            if b'"kind": "train"' in line:
                train_line = last_line = line
            elif event := parse_line(line):
                last_line = line
                self._take(event)
        self.train = parse_line(train_line) or self.train
        self.last = parse_line(last_line) or self.last
        self.first_line = self.first_line or b"".join(lines[:1])

    def _take(self, event: dict[str, Any]) -> None:
        if event["kind"] == "start":
            step = event.get("resumed_from_step") or 0
            self.start, self.end = event, {}
            self.evals = [e for e in self.evals if e["step"] <= step]
        elif event["kind"] == "end":
            self.end = event
        elif event["kind"] == "eval":
            self.evals.append(event)
        elif event["kind"] == "train":
            self.train = event


_digests: OrderedDict[Path, tuple[tuple[int, int, int], EventDigest]] = OrderedDict()
_lock = threading.Lock()


def digest(run_dir: str | Path) -> EventDigest:
    """The digest of a run's log as of now."""
    path = Path(run_dir).absolute() / EVENTS_FILE
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return EventDigest()
    version = (found.st_ino, found.st_size, found.st_mtime_ns)
    with _lock:
        known, kept = _digests.pop(path, (None, EventDigest()))
        if version != known:
            if not kept.belongs_to(path):
                kept = EventDigest()
            kept.read(path)
        _digests[path] = (version, kept)
        while len(_digests) > KEPT:
            _digests.popitem(last=False)
        return kept
