"""The folder of a Hugging Face Space, as docs/space.py writes it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


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
    assert not (ROOT / "README.md").read_text(encoding="utf-8").startswith("---")


def test_a_space_is_whole_and_small(space):
    for name in ("app.py", "slm/train.py", "demo/page.py", "checkpoints/tinystories-5m/model.safetensors", "LICENSE"):
        assert (space / name).is_file(), name
    needed = {line.split("#")[0].strip() for line in (space / "requirements.txt").read_text().splitlines()}
    assert {"torch>=2.8,<2.12", "spaces>=0.40"} <= needed
    assert sum(path.stat().st_size for path in space.rglob("*") if path.is_file()) < 20_000_000
    again = subprocess.run([sys.executable, "docs/space.py", str(space)], cwd=ROOT, capture_output=True, text=True)
    assert again.returncode and "not empty" in again.stderr
