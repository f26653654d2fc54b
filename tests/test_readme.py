"""What the README says, held to what the code does."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from demo.rights import CLASS_PAGE
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


def test_the_limits_of_a_class_are_those_of_the_page():
    most, a_minute = CLASS_PAGE, CLASS_PAGE.a_minute
    told = (
        f"prompts of {most.prompt_characters:,} characters, stories of {most.tokens} tokens, four at once; "
        f"from one address, in a minute, {a_minute['story']} requests for stories, {a_minute['view']} views of a model "
        f"or a run, {a_minute['word']} next words and {a_minute['file']} exported files; {most.queue} requests waiting "
        f"in all, {most.waiting} of them from one address; and uploads of {most.upload_mb} MB"
    )
    assert told in " ".join(README.split()) and most.stories == 4


@pytest.mark.parametrize("line", re.findall(r"^python -m slm .*$", README, re.MULTILINE))
def test_every_command_parses(line):
    parser().parse_args(shlex.split(line)[3:])


def test_every_picture_and_file_that_is_named_is_there():
    for name in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / name).is_file(), name


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that docs/space.py writes."""
    folder = tmp_path_factory.mktemp("space") / "space"
    subprocess.run([sys.executable, "docs/space.py", str(folder)], cwd=ROOT, check=True)
    return folder


def test_a_space_has_the_front_matter_that_spaces_ask_for(space):
    matter = yaml.safe_load((space / "README.md").read_text(encoding="utf-8").split("---")[1])
    assert matter["sdk"] == "gradio"
    assert matter["app_file"] == "app.py"
    assert matter["license"] == "mit"
    assert len(matter["short_description"]) <= 60
    assert "gradio>=6.21" in (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert matter["sdk_version"].startswith("6.")
    assert not README.startswith("---")


def test_a_space_is_whole_and_small(space):
    for name in ("app.py", "slm/train.py", "demo/page.py", "checkpoints/tinystories-5m/model.safetensors", "LICENSE"):
        assert (space / name).is_file(), name
    needed = {line.split("#")[0].strip() for line in (space / "requirements.txt").read_text().splitlines()}
    assert {"torch>=2.8,<2.12", "spaces>=0.40"} <= needed
    assert sum(path.stat().st_size for path in space.rglob("*") if path.is_file()) < 20_000_000
    again = subprocess.run([sys.executable, "docs/space.py", str(space)], cwd=ROOT, capture_output=True, text=True)
    assert again.returncode and "not empty" in again.stderr
