"""The benchmarks find the project they measure and say what they take, wherever they are started."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from slm import cli
from slm.config import PRESETS, parameter_count
from slm.forecast import MEASURED, forecast
from slm.manifests import COUNTS
from slm.runs import write_json
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


@pytest.fixture(scope="module")
def law() -> dict:
    """What stands in loss_law.py."""
    return runpy.run_path(str(ROOT / "benchmarks" / "loss_law.py"))


def test_each_measured_training_has_its_flags(law):
    assert len(law["FLAGS"]) == len(MEASURED)


@pytest.mark.parametrize("row", range(len(MEASURED)))
def test_the_flags_of_a_row_make_its_training_whatever_the_presets_are(law, tmp_path, row):
    known, found = MEASURED[row], []
    parts = dict.fromkeys(("train", "validation"), dict.fromkeys(COUNTS, 1))
    manifest = {"vocab_size": 4096, "fingerprint": "ab", "unigram_entropy": 1.0, **parts}
    write_json(tmp_path / "d" / "manifest.json", manifest)
    for preset in PRESETS:
        words = ["train", "--run", "a", "--data", "d", "--data-dir", str(tmp_path), "--preset", preset]
        args = cli.parser().parse_args([*words, *law["FLAGS"][row].split(), "--steps", str(known.steps)])
        found.append(args.spec(args).configs())
    assert all(configs == found[0] for configs in found)
    model, train = found[0]
    assert parameter_count(model) == known.n_params
    assert forecast(model, train, tok_per_s=1.0).tokens == known.tokens
