"""Files that are whole or not there at all: written beside their place, then renamed into it."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

SETTINGS_BYTES = 1_000_000  # the most that a model's JSON file of settings may take; usual are some hundreds


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A free path beside `path` to write a file or make a folder at; it takes the place of `path` when the block ends.

    When the block raises, `path` stays as it was and what was written is removed. Missing parents are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        yield part
        _to_disk(part)
        if part.is_dir() and path.is_dir():
            old = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.old")
            rename(path, old)
            rename(part, path)
            remove(old)
        else:
            rename(part, path)
    finally:
        remove(part)


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all; non-finite floats become null."""
    with replacing(path) as part:
        part.write_text(json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: str | Path, *, most_bytes: int | None = None) -> Any:
    """The value in a JSON file; FileNotFoundError names one that is missing.

    ValueError names one that holds no JSON, and one of more than `most_bytes`, which is not read.
    """
    size = 0 if most_bytes is None else os.stat(path).st_size
    if most_bytes is not None and size > most_bytes:
        raise ValueError(f"{path} has {size / 1e6:,.1f} MB, the most possible is {most_bytes / 1e6:g} MB")
    try:
        return json.loads(Path(path).read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from None


def read_object(path: str | Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is none, so that one damaged file does not hide the others."""
    try:
        value = read_json(path)
    except (FileNotFoundError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def plain(value: Any) -> Any:
    """`value` in JSON's own types: non-finite floats are None, paths are strings, tuples are lists."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, os.PathLike) else value


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def folder_size_mb(folder: str | Path) -> float:
    """Size of all files below a folder, in millions of bytes; files that vanish meanwhile count nothing."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += os.lstat(os.path.join(parent, name)).st_size
    return total / 1e6


def _to_disk(path: Path) -> None:
    # Without this a power cut can leave the new name with no content behind it.
    for file in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
        with open(file, "r+b") as opened:
            os.fsync(opened.fileno())


def rename(source: Path, target: Path) -> None:
    """Move a file or folder, in place of a file of that name."""
    # Windows refuses while somebody reads either; readers are quick.
    for pause_s in (0.02, 0.05, 0.1, 0.2, 0.4):
        try:
            os.replace(source, target)
            return
        except PermissionError:
            time.sleep(pause_s)
    os.replace(source, target)
