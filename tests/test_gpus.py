"""GPUs counted without torch, and the preset that is usual with one and without."""

from __future__ import annotations

import importlib.util
import subprocess
from types import SimpleNamespace

import pytest

from slm import gpus
from slm.cli import parser, spec_from_args
from slm.config import PRESETS
from slm.launch import TrainSpec


@pytest.fixture(autouse=True)
def torch_for_cuda(monkeypatch, tmp_path):
    """A torch that was built with CUDA, unless a test takes its library away."""
    library = tmp_path / "lib" / "libtorch_cuda.so"
    library.parent.mkdir()
    library.touch()
    found = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)
    return library


def test_gpus_are_those_that_may_be_used(monkeypatch):
    for visible, count in {"": 0, "-1": 0, "0": 1, "2,5": 2, "1, 3,-1,4": 2}.items():
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert gpus.gpu_count.__wrapped__() == count


@pytest.mark.parametrize("error", [subprocess.TimeoutExpired("nvidia-smi", 30), PermissionError("not executable")])
def test_a_driver_that_hangs_or_cannot_be_asked_has_no_gpus(monkeypatch, error):
    def asked(*_, **__):
        raise error

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(gpus.shutil, "which", lambda name: name)
    monkeypatch.setattr(gpus.subprocess, "run", asked)
    assert gpus.gpu_count.__wrapped__() == 0


def test_a_torch_without_cuda_has_no_gpus(monkeypatch, torch_for_cuda):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert gpus.gpu_count.__wrapped__() == 2
    torch_for_cuda.unlink()
    assert gpus.gpu_count.__wrapped__() == 0
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)  # there is no torch at all
    assert gpus.gpu_count.__wrapped__() == 0


def test_where_there_is_a_gpu_the_namesake_is_usual(monkeypatch):
    words = ["train", "--run", "a", "--data", "b", "--minutes", "1"]

    def chosen(*more: str) -> str:
        return spec_from_args(parser().parse_args([*words, *more])).preset

    for count, preset in ((0, "micro"), (1, "slm-51m"), (4, "slm-51m")):
        monkeypatch.setattr(gpus, "gpu_count", lambda count=count: count)
        assert chosen() == gpus.usual_preset() == TrainSpec(run="a", data="b").preset == preset and preset in PRESETS
        assert chosen("--device", "cpu") == "micro" and chosen("--preset", "golden") == "golden"
