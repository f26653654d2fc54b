"""Other processes that a test starts and ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def python(code: str, *words: object) -> subprocess.Popen[str]:
    """A Python process that runs `code` with `sys.argv[1:]` as given; its output can be read."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        stdin=subprocess.PIPE,
    )


def working_on(run_dir: Path) -> subprocess.Popen[str]:
    """A live process that said it works on the run."""
    code = "import sys; from slm.runs import record_process; record_process(sys.argv[1]); "
    child = python(code + "print('at work', flush=True); sys.stdin.read()", run_dir)
    assert child.stdout.readline() == "at work\n"
    return child


def end(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.wait()
