"""Where runs and data sets lie, how they may be called, and which snapshot a run means."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from slm import folders, runs
from tests.run_folders import make_checkpoint, make_run

ROOT = Path(__file__).resolve().parent.parent


def test_places_come_from_argument_environment_project(tmp_path, monkeypatch):
    for place, variable, folder in (
        (runs.checkpoints_dir, "SLM_CHECKPOINTS", "checkpoints"),
        (runs.data_dir, "SLM_DATA", "data"),
    ):
        monkeypatch.delenv(variable, raising=False)
        assert place() == ROOT / folder
        monkeypatch.setenv(variable, str(tmp_path / "from-environment"))
        assert place() == tmp_path / "from-environment"
        assert place(tmp_path / "given") == tmp_path / "given"
        monkeypatch.setenv(variable, "relative")
        assert place() == Path.cwd() / "relative"


def test_a_place_that_can_be_no_folder_is_told_with_the_way_out(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    impossible = {
        str(tmp_path / "file"): "is a file, where a folder is needed",
        str(tmp_path / "file" / "below"): "can be no folder",
        str(tmp_path / ("x" * 300)): r"x\.\.\. can be no folder",
        "~nobody-of-this-name/x": "there is no folder ~nobody-of-this-name/x",
    }
    for place, variable in ((runs.checkpoints_dir, "SLM_CHECKPOINTS"), (runs.data_dir, "SLM_DATA")):
        for given, words in impossible.items():
            with pytest.raises(ValueError, match=f"{words}.*; choose another folder with --.* or {variable}$"):
                place(given)
            monkeypatch.setenv(variable, given)
            with pytest.raises(ValueError, match=words):
                place()
        assert place(tmp_path / "not" / "yet") == tmp_path / "not" / "yet"


def test_a_name_longer_than_the_system_takes_is_no_model_here(tmp_path):
    name = "x" * 300
    assert folders.find_model(name, tmp_path) == name
    with pytest.raises(ValueError, match=r"there is no folder x+\.\.\.$"):
        runs.resolve(name)


def test_a_run_may_be_called_like_a_folder_where_one_works(tmp_path, monkeypatch):
    checkpoints, work = tmp_path / "checkpoints", tmp_path / "work"
    make_run(checkpoints / "demo", [10])
    make_checkpoint(checkpoints / "mine")
    (work / "demo").mkdir(parents=True)
    make_checkpoint(work / "mine")
    (work / "empty").mkdir()
    monkeypatch.chdir(work)
    assert folders.find_model("demo", checkpoints) == str(checkpoints / "demo")
    assert folders.find_model("./demo/", checkpoints) == str(checkpoints / "demo")
    assert folders.find_model("mine", checkpoints) == str(work / "mine")  # a model here comes first
    assert folders.find_model("empty", checkpoints) == str(work / "empty")
    assert folders.find_model("absent", checkpoints) == "absent"
    monkeypatch.chdir(checkpoints / "demo")
    assert folders.find_model("snapshots/000010", checkpoints) == str(checkpoints / "demo" / "snapshots" / "000010")


def test_runs_go_where_they_can_be_written(tmp_path, monkeypatch):
    project, disk, home = tmp_path / "project", tmp_path / "disk", tmp_path / "home"
    for folder in (project, disk, home):
        folder.mkdir()
    (project / "pyproject.toml").touch()
    unwritable: set[Path] = set()
    monkeypatch.setattr(folders.os, "access", lambda path, _: Path(path).exists() and Path(path) not in unwritable)
    monkeypatch.setattr(folders, "_HOME", project)
    monkeypatch.setattr(folders, "SPACE_DISK", disk)
    monkeypatch.setattr(folders.Path, "home", lambda: home)
    for name in ("SLM_CHECKPOINTS", "SLM_DATA", "SPACE_ID"):
        monkeypatch.delenv(name, raising=False)

    assert folders.checkpoints_dir() == project / "checkpoints"
    monkeypatch.setenv("SPACE_ID", "me/slm")
    assert (folders.checkpoints_dir(), folders.data_dir()) == (disk / "checkpoints", disk / "data")
    unwritable.add(disk)
    assert folders.checkpoints_dir() == project / "checkpoints"
    unwritable.add(project)
    assert (folders.checkpoints_dir(), folders.data_dir()) == (home / ".slm/checkpoints", home / ".slm/data")
    assert folders.bundled_dir() == project / "checkpoints"
    monkeypatch.setenv("SLM_CHECKPOINTS", str(tmp_path / "named"))
    assert folders.checkpoints_dir() == tmp_path / "named"
    assert folders.checkpoints_dir("typed") == Path("typed").absolute()


def test_good_names_are_handed_back():
    for name in ("a", "tinystories-5m", "Run_2.1", "0", "_x", "a" * 64, "console", "nul-1", "com10", "my.aux"):
        assert runs.check_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/../b", "/etc", "a/b", "a\\b", "C:", "-rf", ".hidden", "a ", " a", "a\n", "a\0b", "é",
     "a.", "a" * 65, "con", "NUL", "aux.1", "Com1.v2.x", "lpt9", None, 7, "x;y", "$(x)", "~", "a*", "a?b", "a\tb", "‮x"],
)  # fmt: skip
def test_bad_names_are_refused(name):
    with pytest.raises(ValueError, match="name"):
        runs.check_name(name)


def test_whatever_name_is_taken_makes_a_folder_right_there(tmp_path):
    rng, taken = random.Random(11), 0
    for _ in range(2000):
        name = "".join(rng.choices("aZ0_.-/\\ :~\n\0é", weights=[4, 4, 4, 2, 2, 2, *[0.2] * 8], k=rng.randint(0, 9)))
        try:
            runs.check_name(name)
        except ValueError:
            continue
        taken += 1
        (tmp_path / name).mkdir(exist_ok=True)
        assert (tmp_path / name).resolve().parent == tmp_path.resolve() and name in os.listdir(tmp_path)
    assert taken > 50


def point(run_dir: Path, pointer: str, snapshot: str) -> None:
    runs.write_json(run_dir / pointer, {"snapshot": snapshot, "step": 1, "val_loss": 1.0})


def test_snapshots_are_found_by_step_and_only_whole_ones(tmp_path):
    run = make_run(tmp_path / "run", [1000000, 20, 300])
    (run / "snapshots" / ".000400.ab.part").mkdir()
    (run / "snapshots" / "000500").write_text("no folder")
    (run / "snapshots" / "00060²").mkdir()
    assert [p.name for p in runs.find_snapshots(run)] == ["000020", "000300", "1000000"]
    assert runs.find_snapshots(tmp_path) == []


def test_a_run_means_its_best_snapshot_then_its_last_then_its_newest(tmp_path):
    run = make_run(tmp_path / "run", [10, 20, 30])
    assert runs.resolve(run).name == "000030"
    point(run, "last.json", "snapshots/000020")
    assert runs.resolve(run).name == "000020"
    point(run, "best.json", "snapshots/000010")
    assert runs.resolve(str(run)).name == "000010"
    point(run, "best.json", "snapshots/000099")
    assert runs.resolve(run).name == "000020"
    (run / "best.json").write_text("{torn")
    assert runs.resolve(run).name == "000020"


@pytest.mark.parametrize(
    "snapshot", ["../other/snapshots/000010", "/etc", "snapshots/../../other", "snapshots/000010/..", 7]
)
def test_a_pointer_cannot_lead_out_of_its_run(tmp_path, snapshot):
    make_checkpoint(tmp_path / "other")
    run = make_run(tmp_path / "run", [10])
    runs.write_json(run / "best.json", {"snapshot": snapshot})
    assert runs.resolve(run) == run / "snapshots" / "000010"


def test_a_checkpoint_means_itself(tmp_path):
    folder = make_checkpoint(tmp_path / "model")
    assert runs.resolve(folder) == folder
    run = make_run(tmp_path / "run", [10])
    assert runs.resolve(run / "snapshots" / "000010") == run / "snapshots" / "000010"


def test_where_there_is_no_model_the_error_says_what_was_expected(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "pytorch_model.bin").touch()
    make_run(tmp_path / "young", [])
    for name, words in {
        "absent": "there is no folder", "empty": "expected config.json and model.safetensors",
        "pickled": "pickled weights are not read", "young": "young has not saved a model yet",
    }.items():  # fmt: skip
        with pytest.raises(ValueError, match=words):
            runs.resolve(tmp_path / name)


def test_stop_is_asked_seen_and_taken_back(tmp_path):
    assert not runs.stop_requested(tmp_path)
    runs.request_stop(tmp_path)
    runs.request_stop(tmp_path)
    assert runs.stop_requested(tmp_path)
    runs.clear_stop(tmp_path)
    runs.clear_stop(tmp_path)
    assert not runs.stop_requested(tmp_path)
