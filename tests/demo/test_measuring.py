"""The speed of this machine: measured in a process of its own, once for each setting that decides it."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time
from pathlib import Path

import pytest

from demo import measuring
from demo.measuring import Speed, Speeds
from slm.config import preset

GOLDEN = preset("golden")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of measuring processes; none is started."""
    keys: list[str] = []

    def ask(key: str) -> Speed:
        keys.append(key)
        return Speed(float(len(keys)), 100.0, "cpu")

    monkeypatch.setattr(measuring, "_ask", ask)
    return keys


def test_the_same_settings_are_measured_once(asked: list[str]) -> None:
    speeds = Speeds()
    assert speeds.known(GOLDEN.model, GOLDEN.train) is None
    first = speeds.measure(GOLDEN.model, GOLDEN.train)
    longer = dataclasses.replace(GOLDEN.train, minutes=3.0, learning_rate=1e-3, seed=5)
    assert speeds.measure(GOLDEN.model, longer) == speeds.known(GOLDEN.model, longer) == first
    assert len(asked) == 1
    assert first.measured_at == pytest.approx(time.time(), abs=60)


@pytest.mark.parametrize("change", [{"batch_size": 7}, {"optimizer": "muon"}, {"threads": 3}])
def test_what_decides_the_speed_is_measured_anew(asked: list[str], change: dict) -> None:
    speeds = Speeds()
    speeds.measure(GOLDEN.model, GOLDEN.train)
    assert speeds.measure(GOLDEN.model, dataclasses.replace(GOLDEN.train, **change)).tok_per_s == 2.0
    assert speeds.measure(dataclasses.replace(GOLDEN.model, n_layer=5), GOLDEN.train).tok_per_s == 3.0


def test_old_measurements_are_forgotten(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "KEPT", 2)
    speeds = Speeds()
    for layers in (2, 3, 5):
        speeds.measure(dataclasses.replace(GOLDEN.model, n_layer=layers), GOLDEN.train)
    assert speeds.known(dataclasses.replace(GOLDEN.model, n_layer=2), GOLDEN.train) is None
    assert speeds.known(dataclasses.replace(GOLDEN.model, n_layer=3), GOLDEN.train) is not None


def test_a_speed_measured_beside_other_work_says_so_and_is_measured_again(asked: list[str]) -> None:
    speeds, at_work = Speeds(), iter([True, False, True, False, False])
    for _ in range(2):  # it was at work when that began, then when it ended
        beside = speeds.measure(GOLDEN.model, GOLDEN.train, busy=lambda: next(at_work))
        assert beside.place == "cpu, beside other work" and speeds.known(GOLDEN.model, GOLDEN.train) is None
    assert speeds.measure(GOLDEN.model, GOLDEN.train, busy=lambda: next(at_work)).place == "cpu"
    assert len(asked) == 3 and speeds.known(GOLDEN.model, GOLDEN.train) is not None


def test_a_story_written_by_the_page_is_other_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask_while_it_writes(key: str) -> Speed:
        until = time.process_time() + 0.05
        while time.process_time() < until:
            pass
        return Speed(1.0, None, "cpu")

    monkeypatch.setattr(measuring, "_ask", ask_while_it_writes)
    monkeypatch.setattr(measuring, "MEASURE_S", 0.01)
    monkeypatch.setattr(measuring, "OWN_WORK", 0.005)  # on a busy machine it gets less than it could take
    assert Speeds().measure(GOLDEN.model, GOLDEN.train).remark


def test_real_updates_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "MEASURE_S", 0.05)
    speed = measuring.measure(GOLDEN.model, dataclasses.replace(GOLDEN.train, threads=1))
    assert 100 < speed.tok_per_s < 1e7
    assert speed.memory_mb is None or speed.memory_mb > 50
    assert "threads" in speed.device


@pytest.mark.slow
def test_the_process_answers_and_is_gone() -> None:
    speed = Speeds().measure(GOLDEN.model, dataclasses.replace(GOLDEN.train, threads=1))
    assert speed.tok_per_s > 100


def test_a_process_that_fails_is_told_in_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"could not be measured: .*model"):
        measuring._ask("{}")


def test_it_imports_no_torch_before_it_measures() -> None:
    code = "import sys, demo.measuring, demo.forms; print('torch' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
