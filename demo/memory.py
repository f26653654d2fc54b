"""What a page's server keeps in memory: models and events, to save time, and which stories were asked to stop."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slm.events import read_events
from slm.runs import after_resume, resolve

if TYPE_CHECKING:
    from demo.zero import Zero
    from slm.generate import LanguageModel


class ModelCache:
    """The models used last, so that a second story begins at once; a run that has a better snapshot is read anew."""

    def __init__(self, most: int = 2, *, zero: Zero | None = None) -> None:
        self._most, self._zero = most, zero
        self._models: OrderedDict[tuple[str, int], LanguageModel] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, path: Path) -> LanguageModel:
        """The model of a run or checkpoint folder. Raises ValueError where there is none."""
        folder = resolve(path)
        weights = sorted(folder.glob("*.safetensors"))
        key = (str(folder), max((file.stat().st_mtime_ns for file in weights), default=0))
        with self._lock:
            if key not in self._models:
                import slm

                # On ZeroGPU this process has no GPU of its own.
                self._models[key] = self._zero.lend(slm.load(folder, "cpu"), folder) if self._zero else slm.load(folder)
            self._models.move_to_end(key)
            while len(self._models) > self._most:
                self._models.popitem(last=False)
            return self._models[key]


class Stop(threading.Event):
    """Set when a request of a page is to end; `name` tells it from all others, `about` what was asked about."""

    def __init__(self, about: str = "") -> None:
        super().__init__()
        self.name, self.about = secrets.token_hex(8), about


class Stops:
    """One Stop for the story each page is waiting for; pages that were closed meanwhile are forgotten."""

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._newest: OrderedDict[str, Stop] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, page: str, *, about: str = "") -> Stop:
        """A new request of this page; an older one that still waits or writes is stopped."""
        self.stop(page)
        with self._lock:
            return self._begin(page, about)

    def of(self, page: str, name: str) -> Stop:
        """What stops the page's request of this name: one that is set already where a newer request took its place.

        A fresh one where nothing is known of the page.
        """
        with self._lock:
            newest = self._newest.get(page)
            if newest is None:
                return self._begin(page)
        if newest.name == name:
            return newest
        late = Stop()
        late.set()
        return late

    def _begin(self, page: str, about: str = "") -> Stop:
        stop = self._newest[page] = Stop(about)
        self._newest.move_to_end(page)
        while len(self._newest) > self._most:
            self._newest.popitem(last=False)
        return stop

    def newest(self, page: str) -> Stop | None:
        """That of the page's newest request; None once that has ended."""
        with self._lock:
            return self._newest.get(page)

    def stop(self, page: str, *, but_about: str | None = None) -> None:
        """End the page's request, unless it is about this; one that begins later knows nothing of it."""
        with self._lock:
            if (newest := self._newest.get(page)) and newest.about != but_about:
                newest.set()

    def end(self, page: str, stop: Stop) -> None:
        """Forget a request that has ended, unless a newer one took its place."""
        with self._lock:
            if self._newest.get(page) is stop:
                del self._newest[page]


class EventCache:
    """The events of the runs looked at last, read on from where the last reader stopped."""

    def __init__(self, most: int = 8) -> None:
        self._most = most
        self._runs: OrderedDict[Path, tuple[int | None, int, list[dict[str, Any]]]] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, run_dir: Path) -> tuple[list[dict[str, Any]], int]:
        """All events of a run that count, and the byte offset up to which the file was read."""
        with self._lock:
            identity = _inode(run_dir / "events.jsonl")
            before, offset, events = self._runs.get(run_dir, (identity, 0, []))
            if before != identity:  # deleted and begun anew
                offset, events = 0, []
            new, end = read_events(run_dir, offset)
            events = after_resume([*events, *new]) if new else events
            self._runs[run_dir] = (identity, end, events)
            self._runs.move_to_end(run_dir)
            while len(self._runs) > self._most:
                self._runs.popitem(last=False)
            return events, end


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None
