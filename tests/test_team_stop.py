"""A stop in a team: one process sees the request, and all of them end behind the same update."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from slm.checkpoint import load_folder
from slm.runs import find_snapshots, read_events, request_stop, stop_requested
from tests.test_team import ROOT, SETTINGS, losses, run
from tests.waiting import PATIENCE_S, wait_for

MORE = 5  # updates after the resume

# Each process writes down behind which update its training ended, and the weights that it has then.
TOLD = """
import os, sys
from safetensors.torch import save_file
from slm.cli import main
from slm.trainer import Trainer
events = Trainer.events
def told(self):
    yield from events(self)
    weights = {{name: p.detach().clone() for name, p in self.updater.model.named_parameters()}}
    place = os.path.join({place!r}, "process-" + os.environ["RANK"])
    save_file(weights, place, metadata={{"step": str(self.budget.step)}})
Trainer.events = told
if __name__ == "__main__":
    sys.exit(main())
"""


def words(name: str) -> list[str]:
    # A learning rate that never falls is the same whatever the budget.
    return ["--run", name, "--data", "starter", "--preset", "golden", *SETTINGS, "--decay-ratio", "0"]


def updates_of(run_dir: Path) -> int:
    return sum(event["kind"] == "train" for event in read_events(run_dir)[0])


@contextlib.contextmanager
def two_at_work(starter_data: Path, place: Path, *program: str) -> Iterator[subprocess.Popen[bytes]]:
    """torchrun with two processes that have made some updates of an endless `run`; what they say is in said.log."""
    said = place / "said.log"
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *program, "--"]
    places = ["--checkpoints", str(place), "--data-dir", str(starter_data)]
    with open(said, "wb") as log:
        team = subprocess.Popen(
            [sys.executable, *torchrun, "train", *words("run"), "--steps", "1000000", *places],
            cwd=place, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    try:
        wait_for(lambda: team.poll() is not None or updates_of(place / "run") >= 11)
        assert team.poll() is None, said.read_text()
        yield team
    finally:
        team.terminate()  # where it is still there, with the processes that it has started
        team.wait(PATIENCE_S)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no process sends another one Ctrl-C there")
def test_ctrl_c_saves_and_ends_them_all(starter_data, tmp_path):
    run_dir, said = tmp_path / "run", tmp_path / "said.log"
    with two_at_work(starter_data, tmp_path, "-m", "slm") as team:
        team.send_signal(signal.SIGINT)
        team.wait(PATIENCE_S)
    assert "SIGKILL" not in said.read_text()
    end = read_events(run_dir)[0][-1]
    assert (end["kind"], end["reason"], end["step"]) == ("end", "stopped", updates_of(run_dir))
    assert find_snapshots(run_dir)[-1].name == f"{end['step']:06d}"


@pytest.mark.slow
def test_two_processes_stop_behind_the_same_update_and_the_run_goes_on(starter_data, tmp_path):
    run_dir, said = tmp_path / "run", tmp_path / "said.log"
    (tmp_path / "told.py").write_text(TOLD.format(place=str(tmp_path)))
    with two_at_work(starter_data, tmp_path, "told.py") as team:
        request_stop(run_dir)
        assert team.wait(PATIENCE_S) == 0, said.read_text()

    stopped = updates_of(run_dir)
    ends = [(e["reason"], e["step"]) for e in read_events(run_dir)[0] if e["kind"] == "end"]
    assert ends == [("stopped", stopped)]
    assert not stop_requested(run_dir)
    newest = find_snapshots(run_dir)[-1]
    assert newest.name == f"{stopped:06d}"
    saved = dict(load_folder(newest)[0].named_parameters())
    for rank in (0, 1):
        with safe_open(tmp_path / f"process-{rank}", "pt") as ended:
            assert ended.metadata() == {"step": str(stopped)}
            assert set(ended.keys()) == set(saved)
            assert all(torch.equal(ended.get_tensor(name), p) for name, p in saved.items())

    last = ["--steps", str(stopped + MORE)]
    resumed = run(starter_data, tmp_path, "--run", "run", "--resume", *last, processes=1)
    assert resumed.returncode == 0, resumed.stderr
    whole = run(starter_data, tmp_path / "whole", *words("run"), *last, processes=1)
    assert whole.returncode == 0, whole.stderr
    starts = [e["resumed_from_step"] for e in read_events(run_dir)[0] if e["kind"] == "start"]
    assert starts == [None, stopped]
    two, one = losses(run_dir), losses(tmp_path / "whole/run")
    assert list(two) == list(one) == list(range(1, stopped + MORE + 1))
    assert max(abs(one[step] - two[step]) for step in one) < 1e-4
