"""What the README says, held to what the code does; what it says of the page is in tests/demo."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from slm.cli import parser
from slm.config import PRESETS, parameter_count

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_of_presets_is_the_presets():
    rows = [
        [cell.strip() for cell in line.strip("| \n").split("|")] for line in README.splitlines() if line[:2] == "| "
    ]
    table = {row[0]: row[1:] for row in rows if row[0] in PRESETS}
    assert set(table) == set(PRESETS)
    for name, p in PRESETS.items():
        m = p.model
        shape, context, count = f"{m.n_layer} x {m.n_embd}", str(m.block_size), f"{parameter_count(m):,}"
        assert table[name] == [m.architecture, shape, context, p.vocab, count, p.purpose]


@pytest.mark.parametrize("line", re.findall(r"^python -m slm .*$", README, re.MULTILINE))
def test_every_command_parses(line):
    parser().parse_args(shlex.split(line)[3:])


def test_what_it_says_is_fast_stands_in_the_benchmarks_too():
    told = README.partition("## How fast")[2].partition("\n## ")[0]
    cells = [cell for line in told.splitlines() if line[:2] == "| " for cell in line.strip("| ").split(" | ")[1:]]
    figures = set(re.findall(r"\b\d[\d,.]*\d\b", " ".join(cells))) - {"10", "200"}  # seconds given, not measured
    (on_a_gpu,) = re.findall(r"H200 `slm-51m` trains at ([\d,]+) tokens a second and has ([\d.]+) bits", README)
    figures |= {*on_a_gpu}
    measured = (ROOT / "benchmarks/README.md").read_text(encoding="utf-8")
    assert len(figures) > 10
    assert not {figure for figure in figures if not re.search(rf"(?<![\d,.]){re.escape(figure)}(?![\d,]*\d)", measured)}
