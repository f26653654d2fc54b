"""Which process is at work on a run, whether it still lives, and that one alone trains in a checkpoints folder."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from slm.files import read_object, remove, write_json

PROCESS_FILE = "process.json"
LOCK_FILE = ".training.lock"
HOLDER_FILE = ".training.json"
COMPILER_THREAD = "compiler"  # the name of the thread in which slm.compiling works


def leaves_threads() -> bool:
    """Whether threads are at work that would abort this process while Python shuts down, after all was done.

    Gloo's outlive their process group (DistributedDataParallel holds it), and the compiler's cannot be asked to stop.
    """
    in_team = int(os.environ.get("WORLD_SIZE", 1)) > 1
    return in_team or any(thread.name == COMPILER_THREAD for thread in threading.enumerate())


class Busy(ValueError):
    """Another training runs in this checkpoints folder."""


def start_mark(pid: int) -> str | None:
    """What tells this process from a later one with the same number; None when it is gone or a zombie."""
    if pid <= 0:
        return None
    if sys.platform == "win32":
        return _windows_start_mark(pid)
    if Path("/proc/self/stat").exists():
        return _proc_start_mark(pid)
    # macOS and the BSDs: state and start time, as in "Ss   Sat Nov 22 10:31:07 2025".
    # The time is told in the asker's own zone and language, so all ask in the same.
    # One -o for each: behind the first = some systems take all of the word for a heading.
    ask, env = ["ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)], {**os.environ, "TZ": "UTC", "LC_ALL": "C"}
    words = subprocess.run(ask, capture_output=True, text=True, env=env).stdout.split()
    return " ".join(words[1:]) if len(words) > 1 and "Z" not in words[0] else None


def _proc_start_mark(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in field 2 may hold spaces and brackets: count from the last bracket, where field 3, the state, follows.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZXx" else f"{fields[19]} ticks after boot {boot}"


def _windows_start_mark(pid: int) -> str | None:
    if sys.platform != "win32":
        raise AssertionError(sys.platform)
    import ctypes
    from ctypes import wintypes

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.OpenProcess.restype = wintypes.HANDLE
    handle = kernel.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
    if not handle:
        return None
    try:
        code = wintypes.DWORD()
        created, ended, in_kernel, in_user = (wintypes.FILETIME() for _ in range(4))
        times = [ctypes.byref(t) for t in (created, ended, in_kernel, in_user)]
        if not kernel.GetExitCodeProcess(wintypes.HANDLE(handle), ctypes.byref(code)) or code.value != 259:
            return None  # 259 is STILL_ACTIVE
        if not kernel.GetProcessTimes(wintypes.HANDLE(handle), *times):
            return None
        return str((created.dwHighDateTime << 32) + created.dwLowDateTime)
    finally:
        kernel.CloseHandle(wintypes.HANDLE(handle))


def describe_process() -> dict[str, Any]:
    """This process as `process.json` keeps it: pid, start_mark, host, started (unix seconds) and versions."""
    versions = {"python": platform.python_version()}
    for package in ("torch", "numpy"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    pid = os.getpid()
    return {
        "pid": pid,
        "start_mark": start_mark(pid),
        "host": socket.gethostname(),
        "started": time.time(),
        "versions": versions,
    }


def record_process(run_dir: str | Path) -> dict[str, Any]:
    """Write `process.json`: from now on this process is the one at work on the run."""
    record = describe_process()
    write_json(Path(run_dir) / PROCESS_FILE, record)
    return record


def worker(run_dir: str | Path) -> dict[str, Any]:
    """What `process.json` says of the process that works or worked on the run last; empty where there was none."""
    return read_object(Path(run_dir) / PROCESS_FILE)


def process_alive(run_dir: str | Path) -> bool:
    """Whether the process named in the run's `process.json` still lives (the same pid, started at the same time)."""
    return is_alive(worker(run_dir))


def is_alive(record: dict[str, Any]) -> bool:
    """Whether the process that `describe_process` described still lives; an empty record is no process."""
    pid, mark = record.get("pid"), record.get("start_mark")
    return isinstance(pid, int) and mark is not None and start_mark(pid) == mark


def is_elsewhere(record: dict[str, Any]) -> bool:
    """Whether the process that `describe_process` described belongs to another machine, where none here can see it."""
    return record.get("host") not in (None, socket.gethostname())


@contextlib.contextmanager
def claim_training(checkpoints: str | Path, run: str) -> Iterator[None]:
    """Hold the right to train in a checkpoints folder; `Busy` names the run, pid and time of another holder.

    The system frees the lock when its holder dies, however it dies.
    """
    checkpoints = Path(checkpoints)
    checkpoints.mkdir(parents=True, exist_ok=True)
    with open(checkpoints / LOCK_FILE, "a+b") as file:
        if not _lock(file):
            raise Busy(busy_message(_wait_for_holder(checkpoints)))
        write_json(checkpoints / HOLDER_FILE, {"run": run, **describe_process()})
        try:
            yield
        finally:
            remove(checkpoints / HOLDER_FILE)


def training_holder(checkpoints: str | Path) -> dict[str, Any] | None:
    """Who trains in this checkpoints folder now, as {"run", "pid", "started", ...}, or None."""
    record = read_object(Path(checkpoints) / HOLDER_FILE)
    return record if is_alive(record) else None


def busy_message(holder: dict[str, Any] | None) -> str:
    """Who trains already and the way out, in one sentence."""
    if holder is None:
        return "Another training is just starting in this checkpoints folder; try again in a moment."
    since = time.strftime("%H:%M:%S", time.localtime(holder["started"]))
    return (
        f"Run {holder['run']!r} is training already (process {holder['pid']} on {holder['host']}, since {since}); "
        "stop it first, or wait until it ends."
    )


def _wait_for_holder(checkpoints: Path) -> dict[str, Any] | None:
    # Between taking the lock and writing its name, a holder is nameless for some milliseconds.
    for _ in range(20):
        if holder := training_holder(checkpoints):
            return holder
        time.sleep(0.05)
    return None


def _lock(file: IO[bytes]) -> bool:
    """Take the file's lock without waiting; False when another process has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def is_first_process() -> bool:
    """Whether this process is the one that writes and speaks: alone, or the first of those that torchrun started."""
    return int(os.environ.get("RANK", 0)) == 0
