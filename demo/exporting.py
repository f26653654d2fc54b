"""A model as one file to take away, made in the system's folder for temporary files."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from slm.runs import resolve

FORMATS = {
    "Its best model: Hugging Face folder (.zip)": "zip",
    "Its best model: GGUF, for llama.cpp and Ollama": "gguf",
    "The run with its best model, to show elsewhere (.zip)": "run",
    "The run with all its snapshots (.zip)": "run-all",
    "The run without weights: curve and stories (.zip)": "run-none",
}
RUN_WEIGHTS = {"run": "best", "run-all": "all", "run-none": "none"}


def export(run_dir: Path, target: str) -> Path:
    """The best model of a run as a .zip or .gguf file. Raises ValueError where there is none, or for another target."""
    out = Path(tempfile.mkdtemp(prefix="slm-export-"))
    if target in RUN_WEIGHTS:
        from slm.pack import pack

        return pack(run_dir, out / f"{run_dir.name}-run.zip", weights=RUN_WEIGHTS[target])
    folder = resolve(run_dir)
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
