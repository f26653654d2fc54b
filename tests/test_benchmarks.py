"""The benchmarks find the project they measure and say what they take, wherever they are started."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.waiting import PATIENCE_S

ROOT = Path(__file__).resolve().parent.parent
SOURCES = {path.name: path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("benchmarks/*.py"))}
SCRIPTS = [name for name, source in SOURCES.items() if "__main__" in source]
OF_THE_PAGE = [name for name in SCRIPTS if re.search(r"^(from|import) demo\b", SOURCES[name], re.MULTILINE)]


@pytest.fixture(scope="module")
def helped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[subprocess.CompletedProcess[str]]]]:
    """What each script says to --help, in a folder that is not the project's; as many at once as there are cores."""

    def run(name: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, ROOT / "benchmarks" / name, "--help"],
            cwd=elsewhere, capture_output=True, text=True, timeout=PATIENCE_S,
        )  # fmt: skip

    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {name: pool.submit(run, name) for name in SCRIPTS}


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_it_starts_in_another_folder_and_says_what_it_takes(helped, name):
    if name in OF_THE_PAGE and not (ROOT / "demo").is_dir():
        pytest.skip("it measures the page, which is not here")
    done = helped[name].result()
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: {name}")

