"""Write a folder that is a Hugging Face Space, ready to push: python docs/space.py FOLDER

What git tracks of the app goes there, with the front matter that a Space needs before its README.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
# pyproject.toml marks where the project is.
PARTS = ("app.py", "LICENSE", "pyproject.toml", "demo", "slm", "checkpoints")
# ZeroGPU runs torch up to 2.11, which is what a free account gets; elsewhere that version does as well.
REQUIREMENTS = {"torch>=2.8": "torch>=2.8,<2.12"}
README = """\
---
title: SLM
emoji: \N{OPEN BOOK}
colorFrom: yellow
colorTo: red
sdk: gradio
sdk_version: 6.31.0
python_version: "3.12"
app_file: app.py
license: mit
short_description: Train a small language model, watch it, write with it
suggested_hardware: zero-a10g
datasets:
  - roneneldan/TinyStories
  - karpathy/tinystories-gpt4-clean
---

# SLM

A small language model that tells children's stories, and everything to train one. Everybody may write with it, look
inside it and watch a training; who knows the code (the secret `SLM_TEACHER_CODE`) starts and stops one.
"""


def write_space(folder: Path) -> None:
    """Make the folder; ValueError where there is something already, and where git does not tell what the app is."""
    if folder.is_file() or (folder.exists() and any(folder.iterdir())):
        raise ValueError(f"{folder} is not empty; give a new folder")
    for name in _tracked():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT / name, folder / name)
    requirements = (PROJECT / "requirements.txt").read_text(encoding="utf-8")
    for usual, here in REQUIREMENTS.items():
        assert usual in requirements, usual
        requirements = requirements.replace(usual, here)
    lines = [line for line in requirements.splitlines() if not line.startswith("#")]
    (folder / "requirements.txt").write_text("\n".join([*lines, "spaces>=0.40"]) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(README, encoding="utf-8")


def _tracked() -> list[str]:
    """The files of the app that git tracks: what else lies beside them is not for others."""
    try:
        words = ["git", "ls-files", "-z", *PARTS]
        told = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        raise ValueError("there is no git here, which knows the files of the app; install it") from None
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().split("\n")[0]
        raise ValueError(f"git does not tell the files of the app ({reason}); clone the project with git") from None
    return [name for name in told.split("\0") if name]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where to write it")
    folder = parser.parse_args().folder
    try:
        write_space(folder)
    except ValueError as error:
        raise SystemExit(f"{error}") from None
    print(f"{folder} is ready: hf upload NAME/slm {folder} . --repo-type space")


if __name__ == "__main__":
    main()
