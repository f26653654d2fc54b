"""The notebook, run from its first cell to its last on a model for tests."""

from __future__ import annotations

import ast
import importlib.util
import json
import shutil
import sys
from pathlib import Path
from types import ModuleType
from unittest import mock

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


def source_of(cell: int) -> str:
    return "".join(CELLS[cell]["source"])


EVENTS = [
    {"kind": "start", "step": 0},
    *({"kind": "train", "step": step, "loss": 7.0 - step} for step in range(1, 6)),
    *({"kind": "eval", "step": step, "val_loss": 7.5 - step} for step in (2, 5)),
]


def test_the_curve_has_every_loss_at_its_step(monkeypatch):
    plot = mock.MagicMock()
    drawing = ModuleType("matplotlib")
    drawing.pyplot = plot
    monkeypatch.setitem(sys.modules, "matplotlib", drawing)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", plot)
    exec(source_of(10), {"events": EVENTS})
    training, unseen = (call.args[:2] for call in plot.plot.call_args_list)
    assert training == ([1, 2, 3, 4, 5], [6.0, 5.0, 4.0, 3.0, 2.0])
    assert unseen == ([2, 5], [5.5, 2.5])
    assert plot.legend.called and plot.show.called


def test_without_matplotlib_the_notebook_says_what_draws_the_curve(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    exec(source_of(10), {"events": EVENTS})
    assert "pip install matplotlib" in capsys.readouterr().out


@pytest.mark.slow
def test_the_notebook_runs_from_its_first_cell_to_its_last(tmp_path, monkeypatch):
    """Opened where it stands in a copy of the project, which nothing tells Python of."""
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    import nbformat

    project = tmp_path / "project"
    for name in ("slm", "demo"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    settings = {"SLM_PRESET": "golden", "SLM_MINUTES": "0.05", "SLM_STORIES": "300"}
    for name, value in {**settings, "SLM_NOTEBOOK_PLACE": str(tmp_path / "place")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MPLBACKEND", raising=False)  # a notebook draws into itself
    notebook = nbformat.read(project / "demo" / NOTEBOOK.name, as_version=4)
    found = "[importlib.util.find_spec(name).origin for name in ('slm', 'datasets')]"
    notebook.cells.append(nbformat.v4.new_code_cell(f"print(*{found}, sep='\\n')"))
    client = nbclient.NotebookClient(
        notebook, timeout=PATIENCE_S, kernel_name="python3", resources={"metadata": {"path": str(project / "demo")}},
        force_raise_errors=True,
    )  # fmt: skip
    client.execute()  # raises what a cell raises
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [out for cell in code for out in cell.outputs if out.output_type == "error"]
    printed = ["".join(out.get("text", "") for out in cell.get("outputs", [])) for cell in notebook.cells]
    assert "tokens to learn from" in printed[6]
    assert "loss " in printed[8]
    if importlib.util.find_spec("matplotlib"):
        assert [out for out in notebook.cells[10].outputs if "image/png" in out.get("data", {})]
    else:
        assert "There is no matplotlib" in printed[10]
    assert printed[12].startswith("Once upon a time") and len(printed[12]) > 40
    assert list((tmp_path / "place" / "checkpoints").glob("notebook-*/best.json"))
    ours, theirs = map(Path, printed[14].splitlines())
    assert ours == project / "slm" / "__init__.py" and project not in theirs.parents
    assert sorted(path.name for path in project.iterdir()) == ["demo", "slm"]
