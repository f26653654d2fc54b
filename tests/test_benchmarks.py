"""The benchmarks find the project they measure, wherever they are started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import PATIENCE_S

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.mark.parametrize("name", ["copies.py"])
def test_it_starts_in_another_folder(name, tmp_path):
    done = subprocess.run(
        [sys.executable, BENCHMARKS / name, "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: {name}")
