"""Whole trainings with torch's own compiler, and with none: the same numbers, and none that waits for it twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from slm.runs import read_json
from tests.training import losses, weights
from tests.waiting import PATIENCE_S

RUNS = """
import shutil
import sys
from pathlib import Path

import torch
import torch._dynamo

from slm.config import ModelConfig
from slm.train import train
from slm.updates import Updater
from tests.training import job

data, place = map(Path, sys.argv[1:])
model = ModelConfig(n_layer=1, n_head=2, n_embd=16, block_size=15, vocab_size=512)
update = Updater.update


def watched(self, *words, **settings):  # what comes later than the rehearsals must not need the compiler again
    torch._dynamo.config.error_on_recompile = self.compiled
    return update(self, *words, **settings)


Updater.update = watched


def run(name, steps, *, compiled=True, resume=False):
    torch._dynamo.reset()  # as in a new process, nothing is compiled
    torch._dynamo.config.error_on_recompile = False
    settings = {"steps": steps, "compile": compiled, "save_interval_s": 1e6, "decay_ratio": 0.0}
    for event in train(job(data, place / name, model=model, train=settings, resume=resume)):
        print(event["kind"], event.get("code") or event.get("reason") or "")


"""


def printed(runs: str, data: Path, place: Path, **variables: str) -> list[str]:
    """What a process prints that does these runs, one after the other."""
    done = subprocess.run(
        [sys.executable, "-c", RUNS + runs, str(data), str(place)],
        cwd=Path(__file__).resolve().parent.parent, capture_output=True, text=True, timeout=PATIENCE_S,
        # Without vectors: the compiler would first try, for ten seconds and more, which of them this machine has.
        env={**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(place / "cache"), "TORCHINDUCTOR_VEC_ISA_OK": "0",
             **variables},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")


def test_without_a_compiler_the_training_goes_on_with_a_warning(starter_data, tmp_path):
    lines = printed('run("run", 2)', starter_data, tmp_path, CXX=str(tmp_path / "no-compiler"))
    assert lines[:3] == ["start ", "warning compiling", "warning compile-failed"]
    assert lines.count("train ") == 2 and "end finished" in lines


@pytest.fixture(scope="module")
def compiled(starter_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the same five updates were made at once, in two parts, and at once as they are written: three runs."""
    place = tmp_path_factory.mktemp("compiled")
    runs = """
run("whole", 5)
run("half", 3)
shutil.copytree(place / "half", place / "parts")
run("parts", 5, resume=True)
run("plain", 5, compiled=False)
"""
    lines = printed(runs, starter_data, place)
    if "warning compile-failed" in lines[: lines.index("train ")]:
        pytest.skip("there is no C++ compiler on this machine")
    assert lines.count("warning compiling") == 3 and "warning compile-failed" not in lines
    return place


@pytest.mark.slow
def test_a_compiled_run_computes_the_same(compiled):
    plain, whole = losses(compiled / "plain" / "run"), losses(compiled / "whole" / "run")
    assert plain == pytest.approx(whole, abs=1e-3) and list(whole) == [1, 2, 3, 4, 5]


@pytest.mark.slow
def test_a_compiled_run_goes_on_from_where_it_was(compiled):
    whole, parts = compiled / "whole" / "run", compiled / "parts" / "run"
    assert read_json(compiled / "half" / "run" / "resume" / "state.json")["compiled"] is True
    assert losses(parts) == losses(whole)
    assert all(torch.equal(w, weights(whole)[name]) for name, w in weights(parts).items())
