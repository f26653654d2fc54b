"""Who is at work: processes that are told apart, and the lock that only one of them holds."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import slm.processes
from slm import runs
from tests.children import end, python
from tests.waiting import PATIENCE_S


def test_process_name_with_spaces_and_brackets_does_not_confuse():
    if not Path("/proc/self/comm").exists():
        pytest.skip("needs /proc")
    code = "f = open('/proc/self/comm', 'w'); f.write('a) Z (b'); f.close(); print('named', flush=True); input()"
    child = python(code)
    try:
        assert child.stdout.readline() == "named\n"
        assert ") Z (b)" in Path(f"/proc/{child.pid}/stat").read_text()
        assert slm.processes.start_mark(child.pid) is not None
    finally:
        end(child)


def test_start_times_are_asked_for_in_one_zone_and_language(monkeypatch):
    """As macOS tells them; nothing here has its `ps` alone."""
    asked = []

    def ps(words, *, env, **settings):
        asked.append((env["TZ"], env["LC_ALL"]))
        assert words == ["ps", "-o", "stat=", "-o", "lstart=", "-p", "7"]
        return subprocess.CompletedProcess(words, 0, stdout="Ss   Sat Nov 22 10:31:07 2025\n")

    monkeypatch.setattr(Path, "exists", lambda path: False)
    monkeypatch.setattr("slm.processes.subprocess.run", ps)
    monkeypatch.setattr("slm.processes.sys.platform", "darwin")
    assert slm.processes.start_mark(7) == "Sat Nov 22 10:31:07 2025"
    assert asked == [("UTC", "C")]


RACER = """
import pathlib, sys, time
from slm.runs import Busy, claim_training
folder, me, rounds = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
def meet(name):
    (folder / f"{name}-{me}").touch()
    while len(list(folder.glob(f"{name}-?"))) < 2:
        pass
for n in range(rounds):
    meet(f"ready{n}")
    try:
        with claim_training(folder / "checkpoints", me):
            meet(f"tried{n}")
            print("won", flush=True)
    except Busy as busy:
        print(busy, flush=True)
        meet(f"tried{n}")
    meet(f"left{n}")
"""


def test_of_two_that_race_for_the_lock_one_wins(tmp_path):
    rounds = 7
    racers = [python(RACER, tmp_path, name, rounds) for name in "ab"]
    said = [racer.communicate(timeout=PATIENCE_S)[0].splitlines() for racer in racers]
    for a, b in zip(*said, strict=True):
        assert (a == "won") != (b == "won")
        loser, winner = (a, "b") if b == "won" else (b, "a")
        assert f"'{winner}' is training already (process {racers['ab'.index(winner)].pid} on" in loser
    assert len(said[0]) == rounds


def test_a_dead_holder_holds_nothing(tmp_path):
    code = (
        "import sys; from slm.runs import claim_training; c = claim_training(sys.argv[1], 'old'); c.__enter__(); "
    )
    child = python(code + "print('held', flush=True); sys.stdin.read()", tmp_path)
    assert child.stdout.readline() == "held\n"
    assert runs.training_holder(tmp_path)["run"] == "old"
    with pytest.raises(runs.Busy, match=rf"'old' is training already \(process {child.pid} on"):
        runs.claim_training(tmp_path, "new").__enter__()
    end(child)
    assert runs.training_holder(tmp_path) is None
    with runs.claim_training(tmp_path, "new"):
        assert runs.training_holder(tmp_path)["run"] == "new"
    assert runs.training_holder(tmp_path) is None


def test_the_lock_is_free_after_an_error(tmp_path):
    with pytest.raises(RuntimeError), runs.claim_training(tmp_path, "a"):
        raise RuntimeError
    with runs.claim_training(tmp_path, "b"):
        pass
