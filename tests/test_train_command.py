"""`slm train` as a process: how it is stopped, and what it refuses."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slm import runs
from slm.config import TrainConfig, preset
from slm.data.batches import Corpus
from slm.generate import LanguageModel
from slm.model import GPT, initialise
from slm.observe import Observer
from slm.train_command import _TrainingBar
from tests.waiting import PATIENCE_S, wait_for

ROOT = Path(__file__).resolve().parent.parent
QUICK = ("--preset", "golden", "--minutes", "90", "--threads", "1", "--batch-size", "2")


@contextlib.contextmanager
def training(
    places, starter_data: Path, *words: str, run: str = "a", program: tuple[str, ...] = ("-m", "slm")
) -> Iterator[subprocess.Popen]:
    """A training process; it is ended with the block."""
    command = [sys.executable, *program, "train", "--run", run, "--data", "starter", "--data-dir", str(starter_data)]
    command += ["--checkpoints", str(places.checkpoints), *words]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def wait_for_event(run_dir: Path, kind: str, child: subprocess.Popen) -> None:
    wait_for(lambda: child.poll() is not None or any(e["kind"] == kind for e in runs.read_events(run_dir)[0]))
    assert child.poll() is None


def end_of(run_dir: Path) -> dict:
    return runs.read_events(run_dir)[0][-1]


# A stop is asked for in the midst of updates, of one that would take long, of evaluations, and of long stories.
BUSY_WITH = {
    "updates": ("start", ()),
    "micro-steps": ("start", ("--grad-accum-steps", "20000")),
    "an evaluation": ("train", ("--eval-interval", "1", "--eval-windows", "1000000", "--batch-size", "1")),
    "a story": ("eval", ("--eval-interval", "1", "--eval-windows", "1", "--sample-tokens", "4096")),
    "saving": ("checkpoint", ("--eval-interval", "1", "--eval-windows", "1", "--sample-tokens", "1")),
}


@pytest.mark.slow
@pytest.mark.parametrize("busy_with", BUSY_WITH)
def test_a_stop_is_answered_at_once(tmp_places, starter_data, busy_with):
    """Within two seconds on a machine that has nothing else to do; here what is still done is counted."""
    kind, words = BUSY_WITH[busy_with]
    run_dir = tmp_places.checkpoints / "a"
    with training(tmp_places, starter_data, *QUICK, "--save-interval-s", "0", *words) as child:
        wait_for_event(run_dir, kind, child)
        time.sleep(0.3)
        runs.request_stop(run_dir)
        asked = time.time()
        child.wait(timeout=PATIENCE_S)
    *events, end = runs.read_events(run_dir)[0]
    assert (child.returncode, end["kind"], end["reason"]) == (0, "end", "stopped")
    after = [e["kind"] for e in events if e["t"] > asked and e["kind"] != "checkpoint"]
    assert len(after) <= (busy_with != "micro-steps"), after  # what was all but done
    assert runs.resolve(run_dir)
    assert not runs.stop_requested(run_dir)


def test_a_stop_cuts_a_story_and_an_evaluation_short(starter_data):
    corpus, config = Corpus(starter_data / "starter"), TrainConfig(sample_tokens=4096, eval_windows=9)
    model = GPT(preset("golden").model)
    initialise(model, 3)
    told = LanguageModel(model, corpus.tokenizer).stream(config.sample_prompt, 50, seed=config.seed)
    five = "".join(itertools.islice(told, 5))
    answers = iter([False, False, False, False, True])  # who asks once more gets none
    observer = Observer(corpus, config, block_size=64, stop=lambda: next(answers))
    assert observer.sample(model)["text"] == five
    answers = iter([False, True])
    assert observer.evaluate(model, step=1, batch_size=2) is None
    assert list(answers) == []


def test_a_letter_that_the_terminal_lacks_does_not_end_a_training(tmp_places, starter_data):
    words = ("train", "--run", "a", "--data", "starter", "--preset", "golden", "--steps", "1", "--sample-prompt", "ж→")
    done = subprocess.run(
        [sys.executable, "-m", "slm", *words, "--data-dir", str(starter_data), "--eval-windows", "1", "--threads", "1"],
        cwd=ROOT, capture_output=True, timeout=PATIENCE_S, env={**os.environ, "PYTHONIOENCODING": "cp1252"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode("cp1252")
    assert b"  ??" in done.stdout
    assert end_of(tmp_places.checkpoints / "a")["reason"] == "finished"


def test_the_bar_falls_silent_where_a_letter_cannot_be_written(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    with _TrainingBar() as bar:
        bar.show({"kind": "sample", "step": 1, "prompt": "ж", "text": "→"})
    assert not bar.heard


# A training whose last save, the one that a stop asks for, never ends.
STUCK = """
import sys, time
from slm.cli import main
from slm.runs import stop_requested
from slm.snapshots import RunStore
save = RunStore.save
def stuck(self, *args, **fields):
    if stop_requested(self.run_dir):
        print("saving", file=sys.stderr, flush=True)
        time.sleep(3600)
    return save(self, *args, **fields)
RunStore.save = stuck
sys.exit(main())
"""


@pytest.mark.slow
def test_a_second_ctrl_c_ends_at_once_and_what_was_saved_stays(tmp_places, starter_data):
    run_dir = tmp_places.checkpoints / "a"
    words = (*QUICK, "--eval-interval", "3", "--save-interval-s", "0", "--eval-windows", "1", "--sample-tokens", "1")
    with training(tmp_places, starter_data, *words, program=("-c", STUCK)) as child:
        wait_for_event(run_dir, "checkpoint", child)
        child.send_signal(signal.SIGINT)
        said = list(itertools.takewhile(lambda line: line != "saving\n", child.stderr))
        child.send_signal(signal.SIGINT)
        err = child.communicate(timeout=PATIENCE_S)[1]
    assert any("Once more ends at once" in line for line in said)
    assert child.returncode == 128 + signal.SIGINT
    assert "Traceback" not in err
    assert runs.status(run_dir) == "lost"
    assert runs.resolve(run_dir)


@pytest.mark.slow
def test_a_second_training_is_refused_with_the_name_of_the_first(tmp_places, starter_data):
    with training(tmp_places, starter_data, *QUICK) as first:
        wait_for_event(tmp_places.checkpoints / "a", "train", first)
        for run, words in (("a", QUICK), ("b", QUICK), ("a", ("--resume",))):
            with training(tmp_places, starter_data, *words, run=run) as second:
                _, err = second.communicate(timeout=PATIENCE_S)
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
        child.wait(timeout=PATIENCE_S)
    assert end_of(tmp_places.checkpoints / "a")["reason"] == "finished"
