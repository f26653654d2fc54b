"""The notebook, run from its first cell to its last on a model for tests."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from tests.waiting import PATIENCE_S

ROOT = Path(__file__).resolve().parent.parent.parent
NOTEBOOK = ROOT / "demo" / "SLM.ipynb"
CELLS = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]


def test_no_output_is_kept():
    for cell in CELLS:
        assert cell["cell_type"] == "markdown" or (cell["outputs"] == [] and cell["execution_count"] is None)
    assert 10 <= len(CELLS) <= 16


def test_where_slm_is_missing_the_notebook_asks_for_an_address(monkeypatch):
    monkeypatch.delenv("SLM_REPOSITORY", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="address of a copy of the project"):
        exec("".join(CELLS[1]["source"]), {})


def test_every_cell_is_python():
    for cell in CELLS:
        if cell["cell_type"] == "code":
            ast.parse("".join(cell["source"]))


@pytest.mark.slow
def test_the_notebook_runs_from_its_first_cell_to_its_last(tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    import nbformat

    settings = {"SLM_PRESET": "golden", "SLM_MINUTES": "0.05", "SLM_STORIES": "300", "PYTHONPATH": str(ROOT)}
    for name, value in {**settings, "SLM_NOTEBOOK_PLACE": str(tmp_path / "place")}.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=PATIENCE_S, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    printed = ["".join(out.get("text", "") for out in cell.get("outputs", [])) for cell in notebook.cells]
    assert "tokens to learn from" in printed[6]
    assert "loss " in printed[8]
    assert printed[12].startswith("Once upon a time") and len(printed[12]) > 40
    assert list((tmp_path / "place" / "checkpoints").glob("notebook-*/best.json"))
    assert not (tmp_path / "slm-project").exists()
