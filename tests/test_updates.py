"""One update, and a memory that is too small for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from slm.config import ModelConfig, TrainConfig
from slm.errors import is_out_of_memory
from slm.runs import read_json, request_stop
from slm.team import Team
from slm.train import train
from slm.updates import Updater
from tests.engine import SHAPES, random_model
from tests.training import job, losses

# As PyTorch's allocators say it.
FULL = {
    "cuda": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    "cpu": RuntimeError(
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
        "allocate 400000000000 bytes. Error code 12 (Cannot allocate memory)"
    ),
    "windows": RuntimeError("[enforce fail at alloc_cpu.cpp:80] data. DefaultCPUAllocator: not enough memory: you tr"),
    "mps": RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB, other allocations: 1 GB, max allowed: 9)"),
    "numpy": MemoryError("Unable to allocate 3.00 GiB for an array"),
}


@pytest.mark.parametrize("name", FULL)
def test_full_memory_is_known_by_each_allocators_words(name):
    assert is_out_of_memory(FULL[name])


def test_the_real_allocators_words_are_known_and_other_errors_are_not():
    with pytest.raises(RuntimeError) as error:
        torch.empty(2**55)
    assert is_out_of_memory(error.value)
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(ValueError("out of memory"))


def with_room_for(rows: int, error: BaseException):
    """`Updater.backward` on a device whose memory holds this many rows; it fails after the gradients have grown."""
    backward = Updater.backward

    def wrapped(self, x, y, *, share):
        loss = backward(self, x, y, share=share)
        if len(x) > rows:
            raise error
        return loss

    return wrapped


@pytest.mark.parametrize("name", FULL)
def test_a_full_memory_halves_the_micro_batch_and_changes_no_loss(starter_data, tmp_path, monkeypatch, name):
    settings = {"batch_size": 13, "grad_accum_steps": 2, "steps": 7, "optimizer": "muon", "dtype": "float32"}
    whole = job(starter_data, tmp_path / "whole", train=settings, dropout=0.0)
    list(train(whole))
    small = job(starter_data, tmp_path / "small", train=settings, dropout=0.0)
    monkeypatch.setattr("slm.updates.Updater.backward", with_room_for(3, FULL[name]))
    events = list(train(small))
    warnings = [e for e in events if e["kind"] == "warning"]
    assert [e["code"] for e in warnings] == ["out-of-memory"] * 2
    assert "3 sequences" in warnings[1]["message"]
    assert events[-1]["reason"] == "finished"
    assert losses(small.run_dir) == pytest.approx(losses(whole.run_dir), abs=1e-6)
    assert [e["tokens"] for e in events if e["kind"] == "train"][-1] == 7 * 26 * 31
    assert all(e["message"].endswith("Losses stay the same.") for e in warnings)


def test_with_dropout_a_full_memory_does_not_promise_the_same_losses(starter_data, tmp_path, monkeypatch):
    monkeypatch.setattr("slm.updates.Updater.backward", with_room_for(3, FULL["cpu"]))
    (warning,) = (e for e in train(job(starter_data, tmp_path, dropout=0.1)) if e["kind"] == "warning")
    assert warning["message"].endswith("2 sequences are taken at a time, as many as before for each update.")


def test_an_evaluation_takes_as_few_at_a_time_and_halves_too(starter_data, tmp_path, monkeypatch):
    from slm.evaluate import windows_loss

    sizes = []

    def small(model, x, y, *, batch_size, stop):
        sizes.append(batch_size)
        if batch_size > 2:
            raise FULL["cpu"]
        return windows_loss(model, x, y, batch_size=batch_size, stop=stop)

    monkeypatch.setattr("slm.observe.windows_loss", small)
    events = list(train(job(starter_data, tmp_path)))
    assert sizes == [5, 2, 2, 2]
    assert [e["code"] for e in events if e["kind"] == "warning"] == ["out-of-memory"]
    assert events[-1]["reason"] == "finished"


def test_a_resume_keeps_the_smaller_micro_batch(starter_data, tmp_path, monkeypatch):
    small = job(starter_data, tmp_path)
    monkeypatch.setattr("slm.updates.Updater.backward", with_room_for(2, FULL["cuda"]))
    for event in train(small):
        if event["kind"] == "train" and event["step"] == 6:
            request_stop(small.run_dir)
    assert read_json(small.run_dir / "resume" / "state.json")["batch_size"] == 2
    assert not [e for e in train(replace(small, resume=True)) if e["kind"] == "warning"]


def test_no_room_for_one_sequence_is_told_with_the_way_out(starter_data, tmp_path, monkeypatch):
    monkeypatch.setattr("slm.updates.Updater.backward", with_room_for(0, FULL["mps"]))
    with pytest.raises(ValueError, match=r"full with one sequence of 31 tokens.*n_layer.*block_size"):
        list(train(job(starter_data, tmp_path)))


def test_no_room_for_the_optimizer_is_told_and_the_step_is_not_taken_twice(starter_data, tmp_path, monkeypatch):
    def full(self, scale):
        raise FULL["cuda"]

    monkeypatch.setattr("slm.optim.Optimizer.step", full)
    with pytest.raises(ValueError, match=r"too small for the optimizer's state.*n_layer"):
        list(train(job(starter_data, tmp_path)))


def test_another_error_is_not_taken_for_a_full_memory(starter_data, tmp_path, monkeypatch):
    monkeypatch.setattr("slm.updates.Updater.backward", with_room_for(0, RuntimeError("the device fell over")))
    with pytest.raises(RuntimeError, match="fell over"):
        list(train(job(starter_data, tmp_path)))


def test_no_room_for_the_model_is_told_before_anything_is_written(starter_data, tmp_path, monkeypatch):
    def full(*_, **__):
        raise FULL["cpu"]

    monkeypatch.setattr("slm.beginning.GPT", full)
    large = job(starter_data, tmp_path)
    told = r"memory of cpu has no room to train [\d,]+ parameters: the weights alone take \d+\.\d GB.*n_layer, n_embd"
    with pytest.raises(ValueError, match=told):
        list(train(large))
    assert not large.run_dir.exists()


class Trial:
    """Stands for `slm.graphs.Recorded`, which takes some trial runs first."""

    def __init__(self, work, *inputs, trial_runs=3):
        self.work = work
        for _ in range(trial_runs):
            work(*inputs)

    def __call__(self, *inputs):
        return self.work(*inputs).clone()


@pytest.fixture()
def recording(monkeypatch):
    """Gradients are recorded, as on CUDA."""
    begin = Updater.__init__

    def init(self, *args, **settings):
        begin(self, *args, **settings)
        self._can_record = True

    monkeypatch.setattr(Updater, "__init__", init)
    monkeypatch.setattr("slm.updates.Recorded", Trial)


def test_recorded_gradients_are_those_of_the_written_operations(starter_data, tmp_path, request):
    settings = {"batch_size": 13, "grad_accum_steps": 2, "ramp_steps": 3, "steps": 7}
    whole = job(starter_data, tmp_path / "whole", train=settings)
    list(train(whole))
    request.getfixturevalue("recording")
    recorded = job(starter_data, tmp_path / "recorded", train=settings)
    list(train(recorded))
    assert losses(recorded.run_dir) == pytest.approx(losses(whole.run_dir), abs=1e-6)


def test_recorded_gradients_stay_in_their_place_and_go_with_the_graphs(recording):
    config = TrainConfig(batch_size=5, steps=1, learning_rate=1e-3)
    model = random_model(ModelConfig(**SHAPES["gpt2"], vocab_size=59, block_size=7))
    updater = Updater(model, config, team=Team(torch.device("cpu")), dtype=torch.float32)
    x = np.arange(5 * 7).reshape(5, 7)
    updater.update(x, x, scale=1.0, seed=1, stop=lambda: False)
    first = [p.grad for p in updater.model.parameters()]
    updater.update(x, x, scale=1.0, seed=2, stop=lambda: False)
    for grad, same in zip(first, (p.grad for p in updater.model.parameters()), strict=True):
        assert grad is same and grad is not None and not grad.any()
    assert updater.update(x, x, scale=1.0, seed=3, stop=lambda: True) is None
    updater.halve()
    assert all(p.grad is None for p in updater.model.parameters()) and updater.batch_size == 2


def test_where_no_graph_can_be_made_the_operations_are_started_one_by_one(
    recording, starter_data, tmp_path, monkeypatch
):
    settings = {"batch_size": 13, "grad_accum_steps": 2, "steps": 3}
    recorded = job(starter_data, tmp_path / "recorded", train=settings)
    list(train(recorded))

    def refused(work, *inputs, trial_runs=3):
        for _ in range(trial_runs):
            work(*inputs)
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr("slm.updates.Recorded", refused)
    refusing = job(starter_data, tmp_path / "refusing", train=settings)
    with pytest.warns(UserWarning, match="no CUDA graph could be made"):
        list(train(refusing))
    assert losses(refusing.run_dir) == losses(recorded.run_dir)


@pytest.mark.gpu
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_on_a_gpu_recorded_gradients_are_those_of_the_written_operations(
    starter_data, tmp_path, monkeypatch, optimizer
):
    settings = {"batch_size": 13, "grad_accum_steps": 2, "ramp_steps": 3, "steps": 7, "optimizer": optimizer}
    recorded = job(starter_data, tmp_path / "recorded", train=settings, dropout=0.1)
    list(train(recorded))
    monkeypatch.setattr("slm.updates.Updater._graph", lambda self, x, y, share: None)
    whole = job(starter_data, tmp_path / "whole", train=settings, dropout=0.1)
    list(train(whole))
    assert losses(recorded.run_dir) == pytest.approx(losses(whole.run_dir), abs=1e-3)
