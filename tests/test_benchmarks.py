"""The benchmarks find the project they measure and say what they take, wherever they are started."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import PATIENCE_S

ROOT = Path(__file__).resolve().parent.parent
SOURCES = {path.name: path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("benchmarks/*.py"))}
SCRIPTS = [name for name, source in SOURCES.items() if "__main__" in source]
OF_THE_PAGE = [name for name in SCRIPTS if re.search(r"^(from|import) demo\b", SOURCES[name], re.MULTILINE)]

# One Python for all of them, or each would load torch anew; the project itself each has to find.
ASK_ALL = """
import contextlib, io, json, runpy, sys
from pathlib import Path
said, path = {}, list(sys.path)
for script in map(Path, sys.argv[1:]):
    sys.argv, sys.path[:] = [str(script), "--help"], path
    for name in [name for name in sys.modules if name.split(".")[0] in ("slm", "demo")]:
        del sys.modules[name]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            runpy.run_path(str(script), run_name="__main__")
            code = None
        except SystemExit as end:
            code = end.code
    said[script.name] = code, out.getvalue()
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def helped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int | None, str]]:
    """How each script ends that is asked for --help in a folder that is not the project's, and what it says."""
    there = [name for name in SCRIPTS if name not in OF_THE_PAGE or (ROOT / "demo").is_dir()]
    done = subprocess.run(
        [sys.executable, "-c", ASK_ALL, *(str(ROOT / "benchmarks" / name) for name in there)],
        cwd=tmp_path_factory.mktemp("elsewhere"), capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_starts_in_another_folder_and_says_what_it_takes(helped, name):
    if name not in helped:
        pytest.skip("it measures the page, which is not here")
    code, said = helped[name]
    assert code == 0 and said.startswith(f"usage: {name}")
