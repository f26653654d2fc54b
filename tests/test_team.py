"""Several processes that train together, against one alone."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from slm.config import TrainConfig
from slm.runs import after_resume, read_events
from slm.team import Team, assembled
from slm.train import train
from tests.training import job
from tests.waiting import PATIENCE_S, free_port

ROOT = Path(__file__).resolve().parent.parent
STEPS = 50
SETTINGS = [
    "--batch-size", "6", "--grad-accum-steps", "2", "--ramp-steps", "7", "--n-layer", "2", "--block-size", "32",
    "--optimizer", "muon", "--eval-interval", "20", "--eval-windows", "3", "--sample-tokens", "7", "--threads", "1",
    "--dtype", "float32", "--device", "cpu",
]  # fmt: skip


def run(starter_data: Path, checkpoints: Path, *words: str, processes: int) -> subprocess.CompletedProcess[str]:
    """`slm train` as `processes` processes; one is started without torchrun."""
    one = ["-m", "slm"]
    several = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), *one, "--"]
    places = ["--checkpoints", str(checkpoints), "--data-dir", str(starter_data)]
    return subprocess.run(
        [sys.executable, *(several if processes > 1 else one), "train", *words, *places],
        cwd=ROOT, capture_output=True, text=True, timeout=2 * PATIENCE_S,
    )  # fmt: skip


def new(name: str, *, steps: int = STEPS) -> list[str]:
    return ["--run", name, "--data", "starter", "--preset", "golden", "--steps", str(steps), *SETTINGS]


def losses(run_dir: Path) -> dict[int, float]:
    return {e["step"]: e["loss"] for e in after_resume(read_events(run_dir)[0]) if e["kind"] == "train"}


@pytest.fixture(scope="module")
def alone(starter_data, tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("alone")
    done = run(starter_data, place, *new("run"), processes=1)
    assert done.returncode == 0, done.stderr
    return place / "run"


def test_two_processes_have_the_losses_of_one_and_one_writer(starter_data, alone, tmp_path):
    done = run(starter_data, tmp_path, *new("run"), processes=2)
    assert done.returncode == 0, done.stderr
    one, two = losses(alone), losses(tmp_path / "run")
    assert list(two) == list(one) == list(range(1, STEPS + 1))
    assert max(abs(one[step] - two[step]) for step in one) < 1e-4
    events = read_events(tmp_path / "run")[0]
    assert [e["kind"] for e in events] == [e["kind"] for e in read_events(alone)[0]]
    assert events[0]["device"].endswith(" x 2")
    assert done.stdout.count("Saved in") == 1


@pytest.mark.parametrize(("first", "second"), [(2, 1), (1, 2)])
def test_a_run_goes_on_with_another_number_of_processes(starter_data, alone, tmp_path, first, second):
    half = ["--run", "run", "--data", "starter", "--preset", "golden", *SETTINGS, "--decay-ratio", "0"]
    whole = run(starter_data, tmp_path / "whole", *half, "--steps", "30", processes=1)
    assert whole.returncode == 0, whole.stderr
    begun = run(starter_data, tmp_path, *half, "--steps", "20", processes=first)
    assert begun.returncode == 0, begun.stderr
    done = run(starter_data, tmp_path, "--run", "run", "--resume", "--steps", "30", processes=second)
    assert done.returncode == 0, done.stderr
    one, two = losses(tmp_path / "whole" / "run"), losses(tmp_path / "run")
    assert list(two) == list(range(1, 31))
    assert max(abs(one[step] - two[step]) for step in one) < 1e-4


# A compiler that is there in some processes: what stands in for it computes as the model is written.
COMPILER = """
import os, sys
import torch
from slm.cli import main
without = sys.argv.pop()
def compile(function, **settings):
    if os.environ["RANK"] in without:
        raise OSError("no such compiler")
    return lambda *words: function(*words)
torch.compile = compile
sys.exit(main())
"""


@pytest.fixture(scope="module")
def few_alone(starter_data, tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("few-alone")
    done = run(starter_data, place, *new("run", steps=7), processes=1)
    assert done.returncode == 0, done.stderr
    return place / "run"


@pytest.mark.parametrize(("without", "warnings"), [("1", ["compile-failed"]), ("01", ["compile-failed"]), ("-", [])])
def test_all_processes_go_on_compiled_or_none(starter_data, few_alone, tmp_path, without, warnings):
    program = tmp_path / "program.py"
    program.write_text(COMPILER)
    words = [*new("run", steps=7), "--compile", "true", "--checkpoints", tmp_path, "--data-dir", starter_data, without]
    several = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--"]
    done = subprocess.run(
        [sys.executable, *several, program, "train", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=2 * PATIENCE_S, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    events = read_events(tmp_path / "run")[0]
    assert [e["code"] for e in events if e["kind"] == "warning"] == ["compiling", *warnings]
    two, one = losses(tmp_path / "run"), losses(few_alone)
    assert list(two) == list(one) and max(abs(one[step] - two[step]) for step in one) < 1e-4


# A further process says when it begins to wait for the first one, which may have ended with a refusal by then.
WAITING = """
import sys
from slm import team
from slm.cli import main
assemble = team.distributed.init_process_group
def waiting(*words, **settings):
    print("waiting", flush=True)
    assemble(*words, **settings)
team.distributed.init_process_group = waiting
sys.exit(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_waits_for_the_first_one_can_be_ended(starter_data, tmp_path, number):
    place = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
    child = subprocess.Popen(
        [sys.executable, "-c", WAITING, "train", *new("run"), "--data-dir", str(starter_data),
         "--checkpoints", str(tmp_path)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, **place, "MASTER_PORT": str(free_port())},
    )  # fmt: skip
    with child:
        try:
            assert child.stdout.readline() == "waiting\n"
            child.send_signal(number)
            assert child.wait(PATIENCE_S) == -number
        finally:
            child.kill()


def test_rows_that_do_not_divide_are_told():
    two = Team(torch.device("cpu"), rank=0, size=2)
    with pytest.raises(ValueError, match="7 sequences in an update do not divide among 2 processes"):
        two.check_shares(TrainConfig(batch_size=7))
    with pytest.raises(ValueError, match="3 sequences in an update do not divide among 2 processes"):
        two.check_shares(TrainConfig(batch_size=6, ramp_steps=5))
    two.check_shares(TrainConfig(batch_size=6))
    assert list(Team(torch.device("cpu"), rank=1, size=3).share_of(range(6))) == [1, 4]


def test_rows_that_do_not_divide_behind_the_ramp_are_told_before_anything_is_written(
    starter_data, tmp_path, monkeypatch
):
    three = Team(torch.device("cpu"), rank=0, size=3)
    monkeypatch.setattr("slm.train.assembled", lambda device: contextlib.nullcontext(three))
    with pytest.raises(ValueError, match="7 sequences in an update do not divide among 3 processes"):
        next(train(job(starter_data, tmp_path, train={"batch_size": 7, "ramp_steps": 5})))
    assert list(tmp_path.iterdir()) == []


def test_apples_gpu_computes_for_one_process_alone(monkeypatch):
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with assembled("auto") as team:
        assert (team.device.type, team.size) == ("mps", 1)
    monkeypatch.setattr("slm.team.distributed.init_process_group", lambda backend, timeout: None)
    monkeypatch.setattr("slm.team.distributed.destroy_process_group", lambda: None)
    for name, value in {"WORLD_SIZE": "2", "RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    with assembled("auto") as team:
        assert (team.device.type, team.rank, team.size) == ("cpu", 1, 2)
    with pytest.raises(ValueError, match="several processes cannot share mps"), assembled("mps"):
        pass


# Each process looks for the run in a folder of its own, as machines do that share no disk.
APART = """
import os, sys
from slm.cli import main
if __name__ == "__main__":
    sys.exit(main([*sys.argv[1:], "--checkpoints", os.path.join({place!r}, "machine-" + os.environ["RANK"])]))
"""


def test_machines_that_share_no_checkpoints_folder_are_told(starter_data, tmp_path):
    first, second = tmp_path / "machine-0", tmp_path / "machine-1"
    begun = run(starter_data, first, *new("run", steps=20), processes=1)
    assert begun.returncode == 0, begun.stderr
    second.joinpath("run").mkdir(parents=True)
    for name in ("run.json", "events.jsonl"):
        shutil.copy(first / "run" / name, second / "run" / name)
    (tmp_path / "apart.py").write_text(APART.format(place=str(tmp_path)))
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = ["--", "train", "--run", "run", "--resume", "--steps", "30", "--data-dir", str(starter_data)]
    done = subprocess.run(
        [sys.executable, *torchrun, "apart.py", *words],
        cwd=tmp_path, capture_output=True, text=True, timeout=2 * PATIENCE_S,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode != 0
    assert re.search(r"process (0 found the training at step 20|1 found the training at step 0) in ", done.stderr)
    assert "all machines need the same checkpoints folder" in done.stderr
    assert max(losses(first / "run")) == 20
