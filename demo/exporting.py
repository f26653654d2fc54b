"""A model as one file to take away, made in a temporary folder that ends with the server."""

from __future__ import annotations

import shutil
import tempfile
import threading
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


class Exports:
    """Files that were made before are handed out again, so that a class that exports one model fills no disk.

    `home` is to be served as it is: gradio would keep a copy of each file for good.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="slm-export-", ignore_cleanup_errors=True)
        self.home = Path(self._folder.name)
        self._made: dict[tuple[Path, str], tuple[object, Path]] = {}
        self._before: dict[tuple[Path, str], Path] = {}  # of the same, what somebody may be about to download
        self._turn = threading.Lock()

    def get(self, run_dir: Path, target: str) -> Path:
        """As `export`; made anew only where the run has changed since."""
        with self._turn:
            state = [(path.name, path.stat().st_mtime_ns) for path in sorted(run_dir.iterdir())]
            before, file = self._made.get((run_dir, target), (None, None))
            if file is None or before != state or not file.exists():
                if old := self._before.pop((run_dir, target), None):
                    shutil.rmtree(old.parent, ignore_errors=True)
                out = Path(tempfile.mkdtemp(dir=self.home))
                try:
                    made = export(run_dir, target, out)
                except BaseException:
                    shutil.rmtree(out, ignore_errors=True)
                    raise
                if file is not None:
                    self._before[run_dir, target] = file
                self._made[run_dir, target], file = (state, made), made
            return file


def export(run_dir: Path, target: str, out: Path) -> Path:
    """The best model of a run as a .zip or .gguf file in the folder `out`.

    Raises ValueError where there is none, or for another target.
    """
    if target in RUN_WEIGHTS:
        from slm.pack import pack

        return pack(run_dir, out / f"{run_dir.name}-run.zip", weights=RUN_WEIGHTS[target])
    folder = resolve(run_dir)
    if target == "zip":
        staged = out / run_dir.name
        shutil.copytree(folder, staged, ignore=shutil.ignore_patterns(".*"))
        made = shutil.make_archive(str(staged), "zip", root_dir=out, base_dir=run_dir.name)
        shutil.rmtree(staged)
        return Path(made)
    if target == "gguf":
        from slm.export import to_gguf

        file = out / f"{run_dir.name}.gguf"
        to_gguf(folder, file)
        return file
    raise ValueError(f"there is no export {target!r}; choose one of {', '.join(FORMATS.values())}")
