"""Compiling ahead of a training: where it pays, what happens where it fails, and that a stop does not wait for it."""

from __future__ import annotations

import math
import threading
import weakref
from collections import deque
from pathlib import Path

import pytest
import torch

from slm import compiling
from slm.budget import Budget
from slm.compiling import compile_ahead, may_pay, micro_batches
from slm.config import PRESETS, ModelConfig, TrainConfig
from slm.model import GPT, initialise
from slm.runs import read_events, read_json, request_stop, status
from slm.team import Team
from slm.train import train
from slm.updates import Updater
from tests.training import job, spoiled

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("settings", "device", "preset", "pays"),
    [
        ({"minutes": 60}, "cpu", "mini", True),
        ({"minutes": 60}, "cpu", "micro", False),
        ({"minutes": 60}, "cuda", "micro", True),
        ({"minutes": 9}, "cpu", "mini", False),
        ({"minutes": 9}, "cuda", "mini", False),
        ({"minutes": 60}, "mps", "mini", False),
        ({"steps": 1000}, "cpu", "mini", True),  # how long they take is measured then
        ({"steps": 3}, "cpu", "mini", False),
        ({"steps": 1}, "cpu", "slm-51m", False),
        ({"tokens": 10**7}, "cuda", "mini", True),
        ({"tokens": 3}, "cuda", "mini", False),
    ],
)
def test_it_is_worth_measuring_for_long_trainings_of_models_that_may_gain(settings, device, preset, pays):
    model = PRESETS[preset].model
    budget = Budget(TrainConfig(**settings), block_size=model.block_size)
    assert may_pay(budget, torch.device(device), model) is pays


def test_what_is_left_of_a_budget_decides_and_not_all_of_it():
    model, cpu = PRESETS["mini"].model, torch.device("cpu")
    hour, steps = (Budget(TrainConfig(**given), block_size=256) for given in ({"minutes": 60}, {"steps": 1000}))
    hour.begin(elapsed_s=59 * 60.0)
    steps.begin(step=990)
    assert not may_pay(hour, cpu, model) and not may_pay(steps, cpu, model)


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
        (False, 569, 0.5, False),  # a second each: not ten minutes of work
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
    assert warnings == ([] if steps == 569 else ["compiling"])
    assert all(p.grad is None for p in ready.model.parameters())


def test_ten_minutes_are_long_enough_after_the_look_too(monkeypatch):
    FakeCompiler(monkeypatch, written_s=1.0, compiled_s=0.5)
    ready = updater(minutes=10)
    budget = Budget(ready.config, block_size=7)
    budget.begin(elapsed_s=17.0)  # so long it took to measure an update as it is written
    assert deque(compile_ahead(ready, budget, asked=False, stop=lambda: False))
    assert ready.compiled


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


def test_a_stop_does_not_wait_for_the_look_whether_compiling_pays(monkeypatch, starter_data, tmp_path):
    end = threading.Event()

    def rehearse(self: Updater, rows: int, length: int) -> None:
        request_stop(tmp_path / "run")
        assert end.wait(300)

    monkeypatch.setattr(Updater, "rehearse", rehearse)
    monkeypatch.setattr("slm.trainer.may_pay", lambda *_: True)
    try:
        kinds = [event.get("reason") or event["kind"] for event in train(job(starter_data, tmp_path))]
        assert kinds == ["start", "checkpoint", "stopped"]
    finally:
        end.set()


def choices(monkeypatch, starter_data: Path, place: Path, first: dict, then: dict) -> list[bool | None]:
    """What a training and its resume chose, where compiling is measured to pay if enough is left."""
    FakeCompiler(monkeypatch, written_s=100.0, compiled_s=50.0)
    monkeypatch.setattr("slm.trainer.may_pay", lambda budget, *_: budget.left_s(update_s=100.0) > 570)
    found = []
    for settings, resume in ((first, False), (then, True)):
        this = job(starter_data, place, train={"steps": None, **settings}, resume=resume)
        for event in train(this):
            if event["kind"] == "train":
                request_stop(this.run_dir)
        found.append(read_json(this.run_dir / "resume" / "state.json")["compiled"])
    return found


@pytest.mark.parametrize(
    ("first", "then", "chosen"),
    [
        ({"steps": 10}, {"steps": 3}, [True, True]),  # for equal losses
        ({"steps": 3}, {"steps": 10}, [False, False]),
        ({"minutes": 60}, {"minutes": 1}, [True, False]),  # the compiler would take all that is left
        ({"minutes": 1}, {"minutes": 60}, [False, True]),
        ({"minutes": 1, "compile": True}, {"minutes": 1, "compile": True}, [True, True]),
    ],
)
def test_a_resume_by_the_clock_chooses_anew(monkeypatch, starter_data, tmp_path, first, then, chosen):
    assert choices(monkeypatch, starter_data, tmp_path, first, then) == chosen


def test_a_training_that_goes_back_late_is_not_compiled_again(monkeypatch, starter_data, tmp_path):
    FakeCompiler(monkeypatch, written_s=10.0, compiled_s=5.0)
    monkeypatch.setattr("slm.updates.Updater.backward", spoiled({3}, lambda updater, loss: math.nan))
    answers = iter([True, False])
    monkeypatch.setattr("slm.trainer.may_pay", lambda *_: next(answers))
    this = job(starter_data, tmp_path, train={"steps": None, "minutes": 60})
    codes = []
    for event in train(this):
        codes.append(event.get("code"))
        if "diverging" in codes and event["kind"] == "train":
            request_stop(this.run_dir)
    assert [code for code in codes if code] == ["compiling", "diverging"]


def test_each_shape_that_comes_was_rehearsed(monkeypatch, starter_data, tmp_path):
    """So no update waits for the compiler, nor is anything compiled that never comes."""
    rehearsed, came = set(), set()
    rehearse, backward = Updater.rehearse, Updater.backward

    def use_compiled(self: Updater, wanted: bool) -> None:
        self.compiled, self.loss = wanted, self.model.loss

    def noted_rehearse(self: Updater, rows: int, length: int) -> None:
        rehearse(self, rows, length)
        rehearsed.add((rows, length))
        came.clear()

    def noted_backward(self: Updater, x: torch.Tensor, y: torch.Tensor, *, share: float) -> torch.Tensor:
        came.add(tuple(x.shape))
        return backward(self, x, y, share=share)

    for changed in (use_compiled, noted_rehearse, noted_backward):
        monkeypatch.setattr(Updater, changed.__name__.removeprefix("noted_"), changed)
    list(train(job(starter_data, tmp_path, train={"compile": True, "ramp_steps": 3})))
    assert came == rehearsed == {(2, 15), (5, 31)}


def test_what_the_compiler_raises_ends_the_training(monkeypatch, starter_data, tmp_path):
    def broken(self: Updater, rows: int, length: int) -> None:
        raise RuntimeError("the device fell over")

    monkeypatch.setattr(Updater, "rehearse", broken)
    with pytest.raises(RuntimeError, match="fell over"):
        list(train(job(starter_data, tmp_path, train={"compile": True})))
    assert read_events(tmp_path / "run")[0][-1]["reason"] == "error"


@pytest.mark.parametrize("error", [RuntimeError("not supported on Python 3.99+"), OSError("no such compiler")])
def test_whatever_the_compiler_fails_with_the_training_goes_on_with_a_warning(
    monkeypatch, starter_data, tmp_path, error
):
    def compile(*_, **__):
        raise error

    monkeypatch.setattr("torch.compile", compile)
    events = list(train(job(starter_data, tmp_path, train={"compile": True})))
    assert [e["code"] for e in events if e["kind"] == "warning"] == ["compiling", "compile-failed"]
    assert events[-1]["reason"] == "finished"


def test_a_memory_that_is_full_while_compiling_halves_the_micro_batch(monkeypatch, starter_data, tmp_path):
    rehearsed, held = [], []

    def rehearse(self: Updater, rows: int, length: int) -> None:
        rehearsed.append(rows)
        if rows > 2:
            tensors = torch.ones(3)
            held.append(weakref.ref(tensors))
            raise MemoryError("Unable to allocate")
        assert held[0]() is None  # what the failed try had made is free again

    FakeCompiler(monkeypatch, written_s=1.0, compiled_s=0.5)
    monkeypatch.setattr(Updater, "rehearse", rehearse)
    events = list(train(job(starter_data, tmp_path, train={"compile": True})))
    assert [e["code"] for e in events if e["kind"] == "warning"] == ["compiling", "out-of-memory"]
    assert rehearsed == [5, 1, 2]
