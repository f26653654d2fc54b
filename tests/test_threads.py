"""Threads of a step of writing: one for a small model, several for a large one where nothing else wants the cores."""

from __future__ import annotations

import itertools
import threading

import pytest
import torch

from slm.threads import FEWEST_ALONE, MOST_ALONE, MOST_INTERRUPTIONS, TRY_S, _Others, fitting_threads


@pytest.fixture(autouse=True)
def nothing_else_runs(monkeypatch):
    monkeypatch.setattr("slm.threads._others", _Others())
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


def every_step(monkeypatch, *, interruptions: int, seconds: float) -> None:
    """From here on each step of several threads is interrupted so often and takes so long."""
    for name, each in (("_interruptions", interruptions), ("time.perf_counter", seconds)):
        asked = itertools.count()  # before a step and behind it
        monkeypatch.setattr(f"slm.threads.{name}", lambda each=each, asked=asked: each * next(asked))


def alone(steps: int) -> int:
    """How many steps one thread takes until several are tried; they all have to be among `steps`."""
    return [used(10**9) for _ in range(steps)].index(2)


def test_a_large_model_writes_with_one_thread_while_another_program_takes_the_cores(two_threads, monkeypatch):
    every_step(monkeypatch, interruptions=MOST_INTERRUPTIONS + 1, seconds=1.001 * TRY_S)
    assert used(10**9) == 2
    expected = [4, 8, 16, 32, 64, 128, 128]
    assert (expected[0], expected[-1]) == (FEWEST_ALONE, MOST_ALONE)
    assert [alone(count + 1) for count in expected] == expected
    every_step(monkeypatch, interruptions=0, seconds=1.001 * TRY_S)
    assert alone(MOST_ALONE + 1) == MOST_ALONE
    assert [used(10**9) for _ in range(3)] == [2, 2, 2]
    every_step(monkeypatch, interruptions=MOST_INTERRUPTIONS + 1, seconds=1.001 * TRY_S)
    assert used(10**9) == 2 and alone(FEWEST_ALONE + 1) == FEWEST_ALONE  # it begins anew


def test_quick_steps_are_judged_together(two_threads, monkeypatch):
    every_step(monkeypatch, interruptions=1, seconds=0.21 * TRY_S)  # five of them are a try
    assert [used(10**9) for _ in range(7)] == [2, 2, 2, 2, 2, 1, 1]


@pytest.mark.parametrize(("interruptions", "seconds"), [(MOST_INTERRUPTIONS, 1.001 * TRY_S), (31, 11 * TRY_S)])
def test_a_few_interruptions_are_no_other_program(two_threads, monkeypatch, interruptions, seconds):
    every_step(monkeypatch, interruptions=interruptions, seconds=seconds)
    assert [used(10**9) for _ in range(5)] == [2] * 5
