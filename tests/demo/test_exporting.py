"""A model as a file to take away: made once, kept while somebody may download it, and nothing of what failed."""

from __future__ import annotations

import errno
import shutil
import zipfile
from pathlib import Path

import pytest

from demo import exporting
from demo.exporting import Exports

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "model"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were exported, in place of which a line of text is written."""
    made: list[Path] = []

    def export(run_dir: Path, target: str, out: Path) -> Path:
        file = out / f"{run_dir.name}.{target}"
        file.write_text(f"export number {len(made)}")
        made.append(file)
        return file

    monkeypatch.setattr(exporting, "export", export)
    return made


def test_a_file_is_made_again_only_where_the_run_has_changed(run: Path, made: list[Path]) -> None:
    exports = Exports()
    assert exports.get(run, "zip") == exports.get(run, "zip") == made[0]
    assert exports.get(run, "gguf") == made[1]
    (run / "best.json").write_text("{}")
    assert exports.get(run, "zip") == made[2]


def test_the_file_before_stays_for_who_is_about_to_download_it(run: Path, made: list[Path]) -> None:
    exports = Exports()
    for step in range(3):
        (run / f"{step}.json").write_text("{}")
        exports.get(run, "zip")
    assert [file.exists() for file in made] == [False, True, True]
    assert len(list(exports.home.iterdir())) == 2


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), ValueError("no model"), MemoryError()])
def test_what_failed_leaves_nothing_and_the_file_before_stays(
    run: Path, made: list[Path], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    exports = Exports()
    exports.get(run, "zip")
    (run / "best.json").write_text("{}")

    def fail(run_dir: Path, target: str, out: Path) -> Path:
        (out / "half").write_text("half a file")
        raise error

    monkeypatch.setattr(exporting, "export", fail)
    for _ in range(2):
        with pytest.raises(type(error)):
            exports.get(run, "zip")
    assert [folder for folder in exports.home.iterdir()] == [made[0].parent] and made[0].exists()


def test_a_zip_is_all_that_is_left_of_making_it(tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(GOLDEN, model)
    file = exporting.export(model, "zip", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == [file]
    names = zipfile.ZipFile(file).namelist()
    assert {"model/config.json", "model/model.safetensors"} <= set(names)
