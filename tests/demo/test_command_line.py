"""The command line below the training form: typed on a terminal, it asks for the training that Start begins."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("gradio")

from demo.forms import form_fields, preset_values
from demo.session import Session
from demo.tabs import train
from slm import launch
from slm.cli import parser
from slm.config import PRESETS
from slm.launch import TrainSpec

# For each field of the form, something that no preset has. What does not go together is typed alone.
CHANGES: dict[str, Any] = {
    "architecture": "gpt2", "n_layer": "3", "n_head": "1", "n_embd": "124", "n_inner": "59", "block_size": "67",
    "dropout": "0.13", "batch_size": "7", "grad_accum_steps": "3", "ramp_steps": "11", "steps": "13", "tokens": "10007",
    "optimizer": "adamw", "learning_rate": "0.0017", "muon_learning_rate": "0.019", "warmup_steps": "23",
    "decay_ratio": "0.29", "min_lr_ratio": "0.31", "weight_decay": "0.037", "beta1": "0.83", "beta2": "0.97",
    "grad_clip": "", "eval_interval": "41", "eval_interval_s": "43", "eval_windows": "47",
    "sample_prompt": "--data 'x' \"$HOME\" \N{SNOWMAN}", "sample_tokens": "53", "save_interval_s": "0", "seed": "61",
    "device": "cpu", "dtype": "float32", "compile": "yes", "threads": "2",
}  # fmt: skip
SEVERAL = [
    {name: value for name, value in CHANGES.items() if name != left_out} for left_out in ("steps", "tokens")
]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands of trainings that would have been started."""
    commands: list[list[str]] = []

    def keep(words: list[str], run_dir: Path) -> Path:
        commands.append(words)
        return run_dir

    monkeypatch.setattr(launch, "_launch", keep)
    return commands


@pytest.fixture
def shown_and_started(started: list[list[str]]) -> Callable[..., tuple[TrainSpec, TrainSpec]]:
    """What the form's command line asks for, and what Start starts."""

    def ask(session: Session, *, preset: str = "micro", run: str = "", **changes: Any) -> tuple[TrainSpec, TrainSpec]:
        values = dict(zip((f.name for f in form_fields()), preset_values(preset), strict=True))
        form = ["starter", preset, 17.0, run, *{**values, **changes}.values()]
        _, _, mistake, line, _ = train.explain(session, *form)
        assert mistake == ""
        list(train.start_training(session, *form, ""))
        (command,) = started
        return typed(shlex.split(line)), typed(command)

    return ask


def typed(words: list[str]) -> TrainSpec:
    """The training that the words of a command ask for, the program before them left out."""
    args = parser().parse_args(words[words.index("train") :])
    return args.spec(args)


def assert_same(shown: TrainSpec, started: TrainSpec) -> None:
    assert shown.configs() == started.configs()
    assert (shown.run_dir, shown.data_folder) == (started.run_dir, started.data_folder)
    assert (shown.preset, shown.init_from) == (started.preset, started.init_from)


@pytest.fixture
def session(places: SimpleNamespace, starter_data: Path) -> Session:
    """The usual places, of which the command line says nothing."""
    return Session(places.checkpoints, starter_data)


@pytest.mark.parametrize("preset", PRESETS)
def test_an_untouched_form(session: Session, shown_and_started: Any, preset: str) -> None:
    shown, started = shown_and_started(session, preset=preset)
    assert_same(shown, started)
    assert shown.minutes == 17.0 and shown.run == f"{preset}-starter-001"
    assert shown.checkpoints is None and shown.data_dir is None


def test_something_else_is_tried_for_every_field() -> None:
    assert set(CHANGES) == {f.name for f in form_fields()}


@pytest.mark.parametrize("name", CHANGES)
def test_a_form_with_one_field_changed(session: Session, shown_and_started: Any, name: str) -> None:
    shown, started = shown_and_started(session, **{name: CHANGES[name]})
    assert_same(shown, started)
    usual = TrainSpec(run="a", data="starter", preset="micro", minutes=17.0).configs()
    assert shown.configs() != usual


@pytest.mark.parametrize("changes", SEVERAL, ids=["tokens", "steps"])
def test_a_form_with_nearly_every_field_changed_and_places_elsewhere(
    tmp_places: SimpleNamespace, starter_data: Path, tmp_path: Path, shown_and_started: Any, changes: dict[str, Any]
) -> None:
    session = Session(tmp_path / "somebody's own place", starter_data)
    shown, started = shown_and_started(session, run="my.own-run_1", **changes)
    assert_same(shown, started)
    assert shown.run_dir == session.checkpoints / "my.own-run_1" and shown.data_folder == starter_data / "starter"
    assert tmp_places.checkpoints != session.checkpoints
