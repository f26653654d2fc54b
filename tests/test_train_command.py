"""`slm train` as a process: how it is stopped, and what it refuses."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slm import runs

ROOT = Path(__file__).resolve().parent.parent
QUICK = ("--preset", "golden", "--minutes", "9", "--threads", "1", "--batch-size", "2")


@contextlib.contextmanager
def training(places, starter_data: Path, *words: str, run: str = "a") -> Iterator[subprocess.Popen]:
    """A training process; it is ended with the block."""
    command = [sys.executable, "-m", "slm", "train", "--run", run, "--data", "starter", "--data-dir", str(starter_data)]
    command += ["--checkpoints", str(places.checkpoints), *words]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def wait_for_event(run_dir: Path, kind: str, child: subprocess.Popen) -> None:
    deadline = time.monotonic() + 90
    while not any(e["kind"] == kind for e in runs.read_events(run_dir)[0]):
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)


def end_of(run_dir: Path) -> dict:
    return runs.read_events(run_dir)[0][-1]


# A stop is asked for in the midst of updates, of an evaluation that would take minutes, and of a story without end.
BUSY_WITH = {
    "updates": ("start", ()),
    "micro-steps": ("start", ("--grad-accum-steps", "5000")),
    "an evaluation": ("train", ("--eval-interval", "1", "--eval-windows", "1000000", "--batch-size", "1")),
    "a story": ("eval", ("--eval-interval", "1", "--eval-windows", "1", "--sample-tokens", "4096")),
    "saving": ("checkpoint", ("--eval-interval", "1", "--eval-windows", "1", "--sample-tokens", "1")),
}


@pytest.mark.slow
@pytest.mark.parametrize("busy_with", BUSY_WITH)
def test_a_stop_is_answered_in_two_seconds(tmp_places, starter_data, busy_with):
    kind, words = BUSY_WITH[busy_with]
    run_dir = tmp_places.checkpoints / "a"
    with training(tmp_places, starter_data, *QUICK, "--save-interval-s", "0", *words) as child:
        wait_for_event(run_dir, kind, child)
        time.sleep(0.3)
        asked = time.time()
        runs.request_stop(run_dir)
        child.wait(timeout=60)
    end = end_of(run_dir)
    assert (child.returncode, end["reason"]) == (0, "stopped")
    assert end["t"] - asked < 2
    assert runs.resolve(run_dir)
    assert not runs.stop_requested(run_dir)


@pytest.mark.slow
def test_a_second_ctrl_c_ends_at_once_and_what_was_saved_stays(tmp_places, starter_data):
    run_dir = tmp_places.checkpoints / "a"
    words = (*QUICK, "--eval-interval", "3", "--save-interval-s", "0", "--eval-windows", "1", "--sample-tokens", "1")
    with training(tmp_places, starter_data, *words) as child:
        wait_for_event(run_dir, "checkpoint", child)
        began = time.monotonic()
        child.send_signal(signal.SIGINT)
        for line in child.stderr:
            if "Once more ends at once" in line:
                break
        child.send_signal(signal.SIGINT)
        err = child.communicate(timeout=30)[1]
    assert time.monotonic() - began < 5
    # The first one may have ended it by then.
    assert child.returncode == 128 + signal.SIGINT
    assert "Traceback" not in err
    assert runs.status(run_dir) in ("lost", "stopped")
    assert runs.resolve(run_dir)


@pytest.mark.slow
def test_a_second_training_is_refused_with_the_name_of_the_first(tmp_places, starter_data):
    with training(tmp_places, starter_data, *QUICK) as first:
        wait_for_event(tmp_places.checkpoints / "a", "train", first)
        for run, words in (("a", QUICK), ("b", QUICK), ("a", ("--resume",))):
            with training(tmp_places, starter_data, *words, run=run) as second:
                _, err = second.communicate(timeout=60)
            assert second.returncode == 2
            assert err.count("\n") == 1
            assert f"Run 'a' is training already (process {first.pid} on " in err and "stop it first" in err
        assert first.poll() is None
    assert not (tmp_places.checkpoints / "b").exists()


@pytest.mark.slow
def test_a_terminal_that_is_gone_does_not_end_the_training(tmp_places, starter_data):
    words = (*QUICK[:2], "--steps", "30", "--threads", "1", "--batch-size", "2", "--eval-interval", "5",
             "--eval-windows", "1", "--sample-tokens", "3")  # fmt: skip
    with training(tmp_places, starter_data, *words) as child:
        wait_for_event(tmp_places.checkpoints / "a", "start", child)
        child.stdout.close()
        child.wait(timeout=60)
    assert end_of(tmp_places.checkpoints / "a")["reason"] == "finished"
