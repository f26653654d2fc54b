"""Threads of a step of writing: one for a small model, several for a large one where nothing else wants the cores."""

from __future__ import annotations

import threading

import pytest
import torch

from slm import threads
from slm.threads import STEPS_ALONE, fitting_threads


@pytest.fixture(autouse=True)
def nothing_else_runs(monkeypatch):
    monkeypatch.setattr("slm.threads._steps_alone", 0)
    monkeypatch.setattr("slm.threads._interruptions", lambda: 0)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_a_small_model_writes_with_one_thread_and_a_large_one_with_all(two_threads):
    for n_params, count in ((1000, 1), (10**9, 2)):
        with fitting_threads(torch.device("cpu"), n_params):
            assert torch.get_num_threads() == count
        assert torch.get_num_threads() == 2


def test_a_thread_that_is_new_while_another_writes_has_the_usual_count_after_its_own_step(two_threads):
    counts = []

    def step() -> None:
        with fitting_threads(torch.device("cpu"), 1000):
            counts.append(torch.get_num_threads())
        counts.append(torch.get_num_threads())

    with fitting_threads(torch.device("cpu"), 1000):
        other = threading.Thread(target=step)
        other.start()
        other.join()
    assert counts == [1, 2]
    assert torch.get_num_threads() == 2


def used(n_params: int) -> int:
    with fitting_threads(torch.device("cpu"), n_params):
        return torch.get_num_threads()


def test_a_large_model_writes_with_one_thread_while_another_program_takes_the_cores(two_threads, monkeypatch):
    interruptions = iter([5, 5 + threads.MOST_INTERRUPTIONS + 1])
    monkeypatch.setattr("slm.threads._interruptions", lambda: next(interruptions, 0))
    assert used(10**9) == 2  # and is interrupted
    assert [used(10**9) for _ in range(STEPS_ALONE)] == [1] * STEPS_ALONE
    assert used(10**9) == used(10**9) == 2


def test_a_few_interruptions_are_no_other_program(two_threads, monkeypatch):
    interruptions = iter([5, 5 + threads.MOST_INTERRUPTIONS])
    monkeypatch.setattr("slm.threads._interruptions", lambda: next(interruptions, 0))
    assert used(10**9) == used(10**9) == 2
