from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from slm import launch, runs
from slm.cli import parser, spec_from_args
from slm.config import PRESETS, preset
from slm.housekeeping import delete_run
from slm.launch import TrainSpec
from tests.waiting import PATIENCE_S, wait_for

ROOT = Path(__file__).resolve().parent.parent


def pid_of(run_dir: Path) -> int:
    return runs.read_json(run_dir / "process.json")["pid"]


@pytest.fixture
def places(
    tmp_places: SimpleNamespace, starter_data: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SimpleNamespace]:
    """Empty checkpoints and a small data set; a training that a failed test leaves behind is ended."""
    monkeypatch.setenv("SLM_DATA", str(starter_data))
    tmp_places.data = starter_data
    yield tmp_places
    for run in runs.list_runs(tmp_places.checkpoints):
        if run.status == "running":
            os.kill(pid_of(run.path), signal.SIGKILL)


# --- the words ------------------------------------------------------------------------------------------------------

SPECS = [
    TrainSpec(run="a", data="d"),
    TrainSpec(run="a", data="d", preset="golden", minutes=0.1),
    TrainSpec(run="a.b-c_d", data="d", preset="slm-51m", steps=10**9, checkpoints=Path("/a b/c"), data_dir=Path("d'e")),
    TrainSpec(run="a", data="d", tokens=10**13, overrides={"n_layer": 3, "grad_clip": None, "compile": True}),
    TrainSpec(run="a", data="d", overrides={"learning_rate": 1e-07, "beta2": 1 / 3, "compile": False, "n_inner": None}),
    TrainSpec(run="a", data="d", overrides={"sample_prompt": "--data x; rm -rf $HOME 'é\"\n\\"}),
    TrainSpec(
        run="a", data="d", overrides={"sample_prompt": "", "device": "cuda:1", "threads": 2, "eval_interval": None}
    ),
    TrainSpec(run="a", data="d", overrides={"learning_rate": 1, "n_embd": 384.0}),
]


@pytest.mark.parametrize("spec", SPECS, ids=range(len(SPECS)))
def test_the_words_read_back_as_the_same_training(spec):
    words = launch.command(spec)
    assert words[:3] == [sys.executable, "-m", "slm"]
    assert spec_from_args(parser().parse_args(words[3:])) == spec
    typed = shlex.split(launch.command_line(spec))
    assert typed == ["python", *words[1:]]
    assert launch.command_line(spec).startswith("python -m slm train --run a")


def test_the_words_are_golden():
    spec = TrainSpec(run="my-run", data="tiny", minutes=5, overrides={"n_layer": 3, "grad_clip": None, "compile": True})
    assert launch.command_line(spec) == (
        "python -m slm train --run my-run --data tiny --preset micro --minutes 5 "
        "--n-layer 3 --grad-clip none --compile true"
    )


@pytest.mark.parametrize(
    ("gpus", "settings", "processes"),
    [
        (0, {}, None),
        (1, {}, None),
        (4, {}, "4"),
        (3, {}, "2"),
        (4, {"device": "cpu"}, None),
        (4, {"device": "cuda:1"}, None),
        (8, {"batch_size": 6, "ramp_steps": 7}, "3"),
    ],
)
def test_several_gpus_train_together_as_far_as_the_sequences_divide(monkeypatch, gpus, settings, processes):
    monkeypatch.setattr(launch, "gpu_count", lambda: gpus)
    spec = TrainSpec(run="a", data="starter", minutes=2, overrides={"batch_size": 16, **settings})
    words, typed = launch.command(spec), launch.command_line(spec)
    if processes is None:
        assert words[1:4] == ["-m", "slm", "train"] and typed.startswith("python -m slm train --run a")
    else:
        together = ["--standalone", "--nproc-per-node", processes, "-m", "slm", "--", "train", "--run", "a"]
        assert words[1:12] == ["-m", "torch.distributed.run", *together]
        assert typed.startswith("torchrun " + " ".join(together))


def test_on_windows_one_process_trains_whatever_the_number_of_gpus(monkeypatch):
    monkeypatch.setattr(launch, "gpu_count", lambda: 4)
    monkeypatch.setattr(sys, "platform", "win32")
    assert launch.command(TrainSpec(run="a", data="starter"))[1:4] == ["-m", "slm", "train"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"run": "../x"}, "is no name"),
        ({"run": ""}, "is no name"),
        ({"data": "a/b"}, "is no name"),
        ({"preset": "huge"}, "there is no preset 'huge'; choose one of slm-51m"),
        ({"minutes": 1, "steps": 2}, "minutes 1.0 and steps 2 were given"),
        ({"steps": 0}, "steps is 0, the least possible is 1"),
        ({"overrides": {"n_layers": 3}}, "there is no setting 'n_layers'"),
        ({"overrides": {"minutes": 3}}, "there is no setting 'minutes'"),
        ({"overrides": {"vocab_size": 300}}, "vocab_size is the data set's"),
        ({"overrides": {"n_head": 7}}, "not divisible by n_head 7"),
        ({"overrides": {"dropout": 2}}, "dropout is 2.0, the most possible is 0.9"),
        ({"overrides": {"learning_rate": "high"}}, "learning_rate must be a number, not 'high'"),
    ],
)
def test_a_training_that_cannot_be_is_refused_before_anything_starts(fields, words):
    with pytest.raises(ValueError, match=words):
        TrainSpec(**{"run": "a", "data": "d", **fields})


def write_manifest(folder: Path, *, vocab_size: int) -> None:
    part = {"stories": 1, "tokens": 7, "bytes": 28}
    manifest = {"vocab_size": vocab_size, "fingerprint": "ab" * 32, "unigram_entropy": 5.25}
    runs.write_json(folder / "manifest.json", {**manifest, "train": part, "validation": part})


@pytest.mark.parametrize("name", PRESETS)
def test_the_vocabulary_is_the_data_sets_and_the_rest_the_presets(name, tmp_path):
    write_manifest(tmp_path / "d", vocab_size=777)
    spec = TrainSpec(run="a", data="d", preset=name, steps=5, overrides={"dropout": 0.25, "seed": 3}, data_dir=tmp_path)
    model, train = spec.configs()
    assert vars(model) == {**vars(preset(name).model), "vocab_size": 777, "dropout": 0.25}
    assert vars(train) == {**vars(preset(name).train), "steps": 5, "seed": 3}


def test_a_missing_data_set_is_told_with_those_there_are(tmp_path):
    for folder in ("one", "two"):
        runs.write_json(tmp_path / folder / "manifest.json", {})
    with pytest.raises(
        ValueError, match=r"no data set 'three' in .* \(there are one, two\); make one: python -m slm prepare"
    ):
        TrainSpec(run="a", data="three", data_dir=tmp_path).configs()
    with pytest.raises(ValueError, match="there is none yet"):
        launch.start(TrainSpec(run="a", data="three", data_dir=tmp_path / "x"), checkpoints=tmp_path / "checkpoints")
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize("manifest", [{}, [], {"vocab_size": "many"}])
def test_a_damaged_data_set_is_told(manifest, tmp_path):
    runs.write_json(tmp_path / "d" / "manifest.json", manifest)
    with pytest.raises(ValueError, match=r"manifest\.json .*it is damaged, prepare the data set again"):
        TrainSpec(run="a", data="d", data_dir=tmp_path).configs()


# --- processes ------------------------------------------------------------------------------------------------------

STARTER = """
import sys
from pathlib import Path
from slm.launch import TrainSpec, start
quick = {"eval_interval": 7, "eval_windows": 2, "sample_tokens": 3, "threads": 1, "batch_size": 2}
print(start(TrainSpec(run="run", data="starter", preset="golden", minutes=90, overrides=quick)))
"""


@pytest.mark.slow
def test_a_training_outlives_who_started_it_and_is_found_stopped_killed_and_resumed(places, tmp_path):
    # Started by a process that stands elsewhere and is gone at once.
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", STARTER], cwd=tmp_path, env=environment, capture_output=True, text=True,
        timeout=PATIENCE_S,
    )  # fmt: skip
    run_dir = places.checkpoints / "run"
    assert (done.stdout, done.stderr, done.returncode) == (f"{run_dir}\n", "", 0)
    assert runs.status(run_dir) == "running"
    found = launch.running()
    assert (found.name, found.path, found.preset, found.data) == ("run", run_dir, "golden", "starter")
    first = pid_of(run_dir)
    assert os.getsid(first) == first != os.getsid(0)

    # One training at a time, whoever asks.
    for again in (lambda: launch.start(TrainSpec(run="other", data="starter")), lambda: launch.resume(run_dir)):
        with pytest.raises(
            runs.Busy, match=rf"Run 'run' is training already \(process {first} on .*, since \d\d:\d\d:\d\d\)"
        ):
            again()
    assert not (places.checkpoints / "other").exists()
    with pytest.raises(ValueError, match="is training; stop it first"):
        delete_run(run_dir)

    # Asked to stop, it saves and ends.
    launch.stop(run_dir)
    wait_for(lambda: runs.status(run_dir) == "stopped")
    assert runs.resolve(run_dir) in runs.find_snapshots(run_dir)
    wait_for(lambda: launch.running() is None)
    with pytest.raises(ValueError, match="run run is not running: it is stopped"):
        launch.stop(run_dir)
    with pytest.raises(ValueError, match="there is a run 'run' already"):
        launch.start(TrainSpec(run="run", data="starter"))

    # Resumed, then killed: lost; and resumed again with a budget that it fills.
    step = runs.summarize(run_dir).step
    assert launch.resume(run_dir) == run_dir
    assert pid_of(run_dir) != first and runs.status(run_dir) == "running"
    wait_for(lambda: runs.summarize(run_dir).step > step)
    os.kill(pid_of(run_dir), signal.SIGKILL)
    wait_for(lambda: runs.status(run_dir) == "lost")
    assert launch.running() is None
    wait_for(lambda: not Path(f"/proc/{pid_of(run_dir)}").exists())  # reaped: no zombie is left behind
    launch.resume(run_dir, steps=runs.summarize(run_dir).step + 5)
    wait_for(lambda: runs.status(run_dir) == "finished")
    assert [e["resumed_from_step"] for e in runs.read_events(run_dir)[0] if e["kind"] == "start"][:2] == [None, step]
    assert "val_loss" in (run_dir / "stdout.log").read_text()


@pytest.mark.slow
def test_a_training_that_dies_at_once_is_told_in_its_own_words_and_leaves_nothing(places, tmp_path):
    folder = tmp_path / "broken"
    write_manifest(folder / "d", vocab_size=512)
    with pytest.raises(ValueError, match=r"(?s)training of dead ended as soon as it was started:\n.*train\.bin"):
        launch.start(TrainSpec(run="dead", data="d", preset="golden", data_dir=folder))
    assert [p.name for p in places.checkpoints.iterdir() if not p.name.startswith(".")] == []


@pytest.mark.skipif(sys.platform == "win32", reason="a program of Unix is put in Python's place")
def test_a_training_that_dies_without_a_word_is_told_with_the_room_on_its_disk(places, starter_data, monkeypatch):
    """As one does on a full disk, where its words have no room either."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    told = r"dead ended as soon as it was started:\nit printed nothing; [\d.,]+ GB are free on its disk$"
    with pytest.raises(ValueError, match=told):
        launch.start(TrainSpec(run="dead", data="starter", preset="golden", data_dir=starter_data))


def test_a_name_whose_process_was_killed_before_the_run_began_is_free(places, monkeypatch):
    (places.checkpoints / "early").mkdir()
    (places.checkpoints / "early" / launch.STDOUT_FILE).write_text("half a line")
    monkeypatch.setattr(launch, "_launch", lambda words, run_dir: run_dir)
    assert launch.start(TrainSpec(run="early", data="starter")) == places.checkpoints / "early"


def test_what_a_folder_held_before_stays_when_a_name_is_taken(places):
    (places.checkpoints / "mine").mkdir()
    (places.checkpoints / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(ValueError, match="already"):
        launch.start(TrainSpec(run="mine", data="starter"))
    assert (places.checkpoints / "mine" / "notes.txt").read_text() == "keep"


def test_a_bundled_model_cannot_be_resumed(places):
    (places.checkpoints / "model").mkdir()
    (places.checkpoints / "model" / "config.json").write_text("{}")
    (places.checkpoints / "model" / "model.safetensors").touch()
    with pytest.raises(ValueError, match="bundled model"):
        launch.resume(places.checkpoints / "model")
    with pytest.raises(ValueError, match="is no run"):
        launch.resume(places.checkpoints / "absent")


def test_a_run_that_does_not_say_how_it_was_begun_cannot_be_resumed(places):
    run_dir = places.checkpoints / "old"
    runs.write_json(run_dir / "process.json", {})
    with pytest.raises(ValueError, match=r"there is no run 'old' in .* to resume"):
        launch.resume(run_dir)
    record = {"preset": "golden", "data": {"name": "starter"}, "model": vars(preset("golden").model)}
    for train in ({"train": {"of_another_version": 1}}, {}):
        runs.write_json(run_dir / "run.json", {**record, **train})
        with pytest.raises(ValueError, match=r"run\.json is not this version's"):
            launch.resume(run_dir)
