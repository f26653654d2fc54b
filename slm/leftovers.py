"""Half-made folders of processes that were killed: whose they are, and when they can go."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from slm.files import read_json, remove, write_json
from slm.processes import describe_process, is_alive

OWNER_FILE = "preparing.json"


def claim(part: Path) -> None:
    """Write into a half-made folder that this process is at work on it."""
    write_json(part / OWNER_FILE, describe_process())


def release(part: Path) -> None:
    """Take the claim out of a folder that is whole."""
    remove(part / OWNER_FILE)


def remove_leftovers(folder: Path) -> None:
    """Remove what processes that were killed left half-done in `folder`; put back what one had moved aside."""
    for path in [*folder.glob(".*.part"), *folder.glob(".*.old")]:
        if not path.is_dir() or _in_use(path):
            continue
        original = path.with_name(path.name[1:].rsplit(".", 2)[0])
        if path.suffix == ".old" and not original.exists():
            path.rename(original)
        else:
            remove(path)


def _in_use(path: Path) -> bool:
    try:
        owner = read_json(path / OWNER_FILE)
    except (OSError, ValueError):
        # Between two steps of somebody else's; only old ones are nobody's.
        return path.exists() and time.time() - path.stat().st_ctime < 60
    return owner.get("host") != socket.gethostname() or is_alive(owner)
