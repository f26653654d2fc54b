"""Compiling ahead of a training: where it pays, what it computes, and that a stop does not wait for it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import deque
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from slm import compiling
from slm.budget import Budget
from slm.compiling import compile_ahead, may_pay, micro_batches
from slm.config import ModelConfig, TrainConfig
from slm.model import GPT, initialise
from slm.runs import read_events, read_json, request_stop, status
from slm.team import Team
from slm.train import train
from slm.updates import Updater
from tests.training import job, losses, weights

CPU = torch.device("cpu")
MINI, MICRO = 5_000_000, 900_000


@pytest.mark.parametrize(
    ("settings", "device", "n_params", "pays"),
    [
        ({"minutes": 60}, "cpu", MINI, True),
        ({"minutes": 60}, "cpu", MICRO, False),
        ({"minutes": 60}, "cuda", MICRO, True),
        ({"minutes": 9}, "cpu", MINI, False),
        ({"minutes": 9}, "cuda", MINI, False),
        ({"minutes": 60}, "mps", MINI, False),
        ({"steps": 3}, "cpu", MINI, True),  # how long they take is measured then
        ({"tokens": 3}, "cuda", MINI, True),
    ],
)
def test_it_is_worth_measuring_for_long_trainings_of_models_that_may_gain(settings, device, n_params, pays):
    assert may_pay(TrainConfig(**settings), torch.device(device), n_params=n_params) is pays


@pytest.mark.parametrize(
    ("step", "batch_size", "shapes"),
    [
        (0, 5, [(5, 11), (2, 23), (5, 23)]),  # 10 rows of 22 // 2, then 22 = 4 x 5 + 2 rows of 23
        (0, 22, [(11, 11), (22, 23)]),
        (7, 5, [(2, 23), (5, 23)]),
        (100, 22, [(22, 23)]),
    ],
)
def test_each_shape_of_a_micro_batch_is_known_before_it_comes(step, batch_size, shapes):
    config = TrainConfig(batch_size=11, grad_accum_steps=2, ramp_steps=7, steps=9)
    if batch_size == 5:  # as after a full memory
        shapes = [(1, 11), *shapes] if step == 0 else shapes
    assert micro_batches(config, step=step, block_size=23, batch_size=batch_size) == shapes


def updater(**settings) -> Updater:
    model = GPT(ModelConfig(n_layer=1, n_head=2, n_embd=8, block_size=7, vocab_size=31))
    initialise(model, 3)
    return Updater(model, TrainConfig(batch_size=3, **settings), team=Team(CPU), dtype=torch.float32)


class FakeCompiler:
    """In place of the real one: what an update takes, as written and compiled."""

    def __init__(self, monkeypatch, *, written_s: float, compiled_s: float) -> None:
        def use_compiled(self: Updater, wanted: bool) -> None:
            self.compiled, self.loss = wanted, self.model.loss

        monkeypatch.setattr(Updater, "use_compiled", use_compiled)
        monkeypatch.setattr(
            compiling, "_least_time_s", lambda updater, shape: compiled_s if updater.compiled else written_s
        )


@pytest.mark.parametrize(
    ("asked", "steps", "compiled_s", "compiled"),
    [
        (False, 1000, 0.5, True),
        (False, 1000, 0.96, False),  # hardly quicker
        (False, 599, 0.5, False),  # a second each: not ten minutes of work
        (True, 3, 2.0, True),
    ],
)
def test_it_compiles_where_it_is_asked_or_measured_to_pay(monkeypatch, asked, steps, compiled_s, compiled):
    FakeCompiler(monkeypatch, written_s=1.0, compiled_s=compiled_s)
    ready = updater(steps=steps)
    ahead = compile_ahead(ready, Budget(ready.config, block_size=7), asked=asked, stop=lambda: False)
    warnings = []
    while True:
        try:
            warnings.append(next(ahead)[1]["code"])
        except StopIteration as end:
            assert end.value is compiled is ready.compiled
            break
    assert warnings == ([] if steps == 599 else ["compiling"])
    assert all(p.grad is None for p in ready.model.parameters())


def test_accumulated_updates_count_as_what_they_take(monkeypatch):
    FakeCompiler(monkeypatch, written_s=1.0, compiled_s=0.5)
    ready = updater(steps=300, grad_accum_steps=2)
    assert deque(compile_ahead(ready, Budget(ready.config, block_size=7), asked=False, stop=lambda: False))
    assert ready.compiled


def test_a_stop_does_not_wait_for_the_compiler(monkeypatch, starter_data, tmp_path):
    end = threading.Event()

    def rehearse(self: Updater, rows: int, length: int) -> None:
        request_stop(tmp_path / "run")
        assert end.wait(300)

    monkeypatch.setattr(Updater, "rehearse", rehearse)
    kinds = []
    try:
        for event in train(job(starter_data, tmp_path, train={"compile": True})):
            kinds.append(event.get("code") or event.get("reason") or event["kind"])
        assert kinds == ["start", "compiling", "checkpoint", "stopped"]
    finally:
        end.set()
    assert status(tmp_path / "run") == "stopped"


def test_what_the_compiler_raises_ends_the_training(monkeypatch, starter_data, tmp_path):
    def broken(self: Updater, rows: int, length: int) -> None:
        raise RuntimeError("the device fell over")

    monkeypatch.setattr(Updater, "rehearse", broken)
    with pytest.raises(RuntimeError, match="fell over"):
        list(train(job(starter_data, tmp_path, train={"compile": True})))
    assert read_events(tmp_path / "run")[0][-1]["reason"] == "error"


RUN = """
import sys
import torch
import torch._dynamo
from pathlib import Path
from tests.training import job
from slm.train import train

if __name__ == "__main__":
    place, steps, resume = Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "resume"
    settings = {"steps": steps, "ramp_steps": 2, "compile": True, "save_interval_s": 1e6, "decay_ratio": 0.0}
    for event in train(job(Path(sys.argv[1]), place, train=settings, resume=resume, dropout=0.0)):
        print(event["kind"], event.get("code") or event.get("reason") or "")
        if event.get("code") == "compiling":  # what comes later than the rehearsals must not need the compiler again
            from slm.updates import Updater
            update = Updater.update

            def watched(self, *words, **settings):
                torch._dynamo.config.error_on_recompile = self.compiled
                return update(self, *words, **settings)

            Updater.update = watched
"""


def compiled_run(
    starter_data: Path, place: Path, cache: Path, *, steps: int, how: str = "anew", **variables: str
) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(starter_data), str(place), str(steps), how],
        cwd=Path(__file__).resolve().parent.parent, capture_output=True, text=True, timeout=1800,
        env={**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(cache), **variables},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")


def test_without_a_compiler_the_training_goes_on_with_a_warning(starter_data, tmp_path):
    nowhere = {"CXX": str(tmp_path / "no-compiler")}
    lines = compiled_run(starter_data, tmp_path, tmp_path / "cache", steps=2, **nowhere)
    assert lines[:3] == ["start ", "warning compiling", "warning compile-failed"]
    assert lines.count("train ") == 2 and "end finished" in lines


@pytest.mark.slow
def test_a_compiled_run_computes_the_same_and_goes_on_from_where_it_was(starter_data, tmp_path):
    cache, whole, parts, plain = (tmp_path / name for name in ("cache", "whole", "parts", "plain"))
    lines = compiled_run(starter_data, whole, cache, steps=5)
    if "warning compile-failed" in lines:
        pytest.skip("there is no C++ compiler on this machine")
    compiled_run(starter_data, parts, cache, steps=3)
    assert read_json(parts / "run" / "resume" / "state.json")["compiled"] is True
    compiled_run(starter_data, parts, cache, steps=5, how="resume")
    assert losses(parts / "run") == losses(whole / "run")
    assert all(torch.equal(w, weights(whole / "run")[name]) for name, w in weights(parts / "run").items())
    asked = job(starter_data, plain, train={"steps": 5, "ramp_steps": 2, "decay_ratio": 0.0}, dropout=0.0)
    list(train(replace(asked, train=replace(asked.train, compile=False))))
    assert losses(plain / "run") == pytest.approx(losses(whole / "run"), abs=1e-3)
