"""Half-made folders of processes that were killed: whose they are, and when they can go."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from slm.files import read_object, remove, write_json
from slm.processes import describe_process, is_alive, is_elsewhere

OWNER_FILE = "preparing.json"
MOMENT_S = 60.0  # between two steps of somebody else's
DAY_S = 24 * 3600.0  # longer than any process writes nothing into what it makes


def claim(part: Path) -> None:
    """Write into a half-made folder that this process is at work on it."""
    write_json(part / OWNER_FILE, describe_process())


def release(part: Path) -> None:
    """Take the claim out of a folder that is whole."""
    remove(part / OWNER_FILE)


def remove_claimed(folder: Path) -> None:
    """Remove what this process has claimed in a folder: for one that must end in the middle of a step."""
    for part in folder.glob(".*.part"):
        owner = read_object(part / OWNER_FILE)
        if owner.get("pid") == os.getpid() and is_alive(owner) and not is_elsewhere(owner):
            moved = part.with_name(f".deleted-{part.name[1:]}")
            part.rename(moved)  # so that the step finds no place any more to write a file into
            remove(moved)


def remove_leftovers(folder: Path) -> None:
    """Remove what processes that were killed left half-made or half-removed; put back what one had moved aside."""
    for path in [*folder.glob(".*.part"), *folder.glob(".*.old"), *folder.glob(".deleted-*")]:
        if not path.is_dir() or _in_use(path):
            continue
        original = path.with_name(path.name[1:].rsplit(".", 2)[0])
        if path.suffix == ".old" and not original.exists():
            path.rename(original)
        else:
            remove(path)


def _in_use(path: Path) -> bool:
    owner = read_object(path / OWNER_FILE)
    if owner and not is_elsewhere(owner):
        return is_alive(owner)
    # Nobody can be asked: only what has not changed for long is nobody's. A container has a new name at each start.
    return _unchanged_s(path) < (DAY_S if owner else MOMENT_S)


def _unchanged_s(folder: Path) -> float:
    """How long ago something in the folder was last written, made or removed."""
    changed = 0.0
    for path in (folder, *folder.glob("*")):
        with contextlib.suppress(FileNotFoundError):  # its owner is at work
            changed = max(changed, path.stat().st_ctime)
    return time.time() - changed
