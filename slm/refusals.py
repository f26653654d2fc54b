"""What the disk refused, told in a sentence: it is full, a folder cannot be made, a file cannot be used."""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

MOST_SHOWN = 120  # characters of a path, which may be as long as somebody typed
DISK_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


@contextlib.contextmanager
def full_disk_told(place: str | Path, *, lost: str, advice: str) -> Iterator[None]:
    """Raise ValueError where the disk of `place` gets full in the block: what is `lost` by that, and the `advice`."""
    try:
        yield
    except OSError as error:
        if not _is_disk_full(error):
            raise
        there = next(p for p in (Path(place).absolute(), *Path(place).absolute().parents) if p.exists())
        free = shutil.disk_usage(there).free
        raise ValueError(
            f"the disk of {place} is full, {free / 1e9:,.1f} GB are free: {lost}; make room, or {advice}"
        ) from error


def _is_disk_full(error: OSError) -> bool:
    # numpy, which writes the tensors of a GGUF file, says how much it wrote in place of the system's number.
    return error.errno in DISK_FULL or (error.errno is None and "requested and" in f"{error}")


def make_folder(path: str | Path, *, advice: str) -> None:
    """Make a folder and those above it, where it is not there; ValueError says why it cannot be, and the `advice`.

    A full disk stays an OSError, which `full_disk_told` tells.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if _is_disk_full(error):
            raise
        raise ValueError(f"the folder {shown(path)} cannot be made ({error.strerror}); {advice}") from None


def shown(path: str | Path) -> str:
    """A path as it stands in a sentence: cut where it is very long."""
    text = str(path)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


def in_words(error: OSError) -> str:
    """What the system refused, as a sentence: the file, where it says which, and the reason."""
    if error.strerror is None:  # a sentence of our own
        return f"{error}"
    place = "a file or the output" if error.filename is None else shown(error.filename)
    return f"{place} cannot be used ({error.strerror})"
