"""A model as one file to take away, made in the system's folder for temporary files."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from slm.runs import resolve

FORMATS = {"Hugging Face folder (.zip)": "zip", "GGUF, for llama.cpp and Ollama": "gguf"}


def export(run_dir: Path, target: str) -> Path:
    """The best model of a run as a .zip or .gguf file. Raises ValueError where there is none, or for another target."""
    folder = resolve(run_dir)
    out = Path(tempfile.mkdtemp(prefix="slm-export-"))
    if target == "zip":
        staged = out / run_dir.name
        shutil.copytree(folder, staged, ignore=shutil.ignore_patterns(".*"))
        return Path(shutil.make_archive(str(staged), "zip", root_dir=out, base_dir=run_dir.name))
    if target == "gguf":
        from slm.export import to_gguf

        file = out / f"{run_dir.name}.gguf"
        to_gguf(folder, file)
        return file
    raise ValueError(f"there is no export {target!r}; choose one of {', '.join(FORMATS.values())}")
