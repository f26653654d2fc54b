"""The folder of a Hugging Face Space, as docs/space.py writes it."""

from __future__ import annotations

import os
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


def refused(folder: Path, **settings: object) -> str:
    """The sentence with which docs/space.py refuses to write a folder."""
    words = [sys.executable, str(ROOT / "docs/space.py"), str(folder)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, **settings)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def test_what_is_there_already_is_refused_in_one_sentence(space):
    assert refused(space) == f"{space} is not empty; give a new folder\n"
    assert "is not empty" in refused(space / "app.py")


def test_without_git_there_is_no_space(tmp_path):
    assert "there is no git here" in refused(tmp_path / "space", env={"PATH": str(tmp_path)})
    assert "clone the project with git" in refused(tmp_path / "space", env={**os.environ, "GIT_DIR": str(tmp_path)})
    assert not (tmp_path / "space").exists()
