"""The form under "More settings": made from the settings' own definitions, every one in its place."""

from __future__ import annotations

import dataclasses
import math
import socket
import time
from collections import Counter
from pathlib import Path

import pytest

from demo import measuring
from demo.forms import (
    DEFAULT_MINUTES,
    GROUPS,
    LEFT_OUT,
    STARTER,
    TrainForm,
    data_choices,
    data_name,
    field_groups,
    forecast,
    form_fields,
    preset_choices,
    preset_values,
    shown,
    spec,
    suggest_name,
    typed,
)
from demo.measuring import Speed
from demo.session import Session
from slm import forecast as law
from slm.config import PRESETS, ModelConfig, TrainConfig, parameter_count
from slm.data.prepare import list_datasets
from slm.fields import field_doc
from slm.files import write_json
from slm.folders import is_name
from slm.gpus import usual_preset
from slm.runs import EventLog
from tests.demo.making import make_run

SETTINGS = [(cls, f.name) for cls in (ModelConfig, TrainConfig) for f in dataclasses.fields(cls)]


def test_every_setting_stands_in_one_group_or_is_left_out_with_the_reason() -> None:
    placed = Counter([name for names in GROUPS.values() for name in names] + list(LEFT_OUT))
    assert placed == Counter(name for _, name in SETTINGS)
    assert all(len(reason) > 10 for reason in LEFT_OUT.values())


def test_a_group_is_a_handful() -> None:
    assert all(2 <= len(names) <= 7 for names in GROUPS.values())


def test_what_a_field_says_is_what_the_setting_says() -> None:
    owners = {name: cls for cls, name in SETTINGS}
    for fields in field_groups().values():
        for f in fields:
            assert f.owner is owners[f.name]
            assert f.doc == field_doc(f.owner, f.name)


@pytest.mark.parametrize("preset", PRESETS)
def test_what_a_preset_puts_in_is_read_back_the_same(preset: str) -> None:
    chosen = PRESETS[preset]
    for f, value in zip(form_fields(), preset_values(preset), strict=True):
        usual = getattr(chosen.model if f.owner is ModelConfig else chosen.train, f.name)
        assert typed(f, value) == usual
        assert typed(f, shown(f, usual)) == usual


def test_a_data_set_of_any_name_is_told_from_the_stories_made_here() -> None:
    def chosen(data: str) -> str:
        return data_name(TrainForm.from_values(data, "golden", 1.0, "", preset_values("golden")))

    assert chosen("starter") == "starter"
    assert chosen(STARTER) == "starter-512"
    assert not is_name(STARTER)


def own_set(session: Session, name: str, *, tokens: int, created: float = 1.0) -> None:
    counts = {"stories": 1, "tokens": tokens, "bytes": 4 * tokens}
    manifest = {"name": name, "fingerprint": name, "created": created, "vocab_size": 512, "train": counts}
    write_json(session.data / name / "manifest.json", manifest)


def test_stories_shorter_than_what_the_model_reads_at_once_are_said_before_a_start(tmp_path: Path) -> None:
    session = Session(tmp_path / "checkpoints", tmp_path / "data")
    form = TrainForm.from_values("own", "golden", 1.0, "", preset_values("golden"))
    needed = PRESETS["golden"].model.block_size + 1
    own_set(session, "own", tokens=needed - 1)
    with pytest.raises(ValueError, match=f"own has {needed - 1} tokens .* reads {needed} at once: .*block size"):
        spec(session, form)
    own_set(session, "own", tokens=needed)
    assert spec(session, form).data == "own"


def test_the_newest_data_set_stands_first(tmp_path: Path) -> None:
    session = Session(tmp_path / "checkpoints", tmp_path / "data")
    for name, created in (("a-old", 1.0), ("b-new", 3.0), ("c-between", 2.0)):
        own_set(session, name, tokens=99, created=created)
    assert [name for _, name in data_choices(list_datasets(session.data))] == ["b-new", "c-between", "a-old", STARTER]


def test_the_preset_for_tests_is_not_offered() -> None:
    offered = [name for _, name in preset_choices()]
    assert offered[0] == usual_preset() and {*offered, "golden"} == set(PRESETS) and "golden" not in offered


def test_a_forecast_says_when_the_machine_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(tmp_path / "checkpoints", tmp_path / "data")
    form = TrainForm.from_values(STARTER, "golden", 1.0, "", preset_values("golden"))
    assert "a sentence of ours" in forecast(session, form, unknown="a sentence of ours")
    monkeypatch.setattr(measuring, "_ask", lambda key: Speed(1234.0, 100.0, "cpu", time.time() - 200))
    assert "Measured on this machine 3 min 20 s ago: 1.23 k tokens" in forecast(session, form, measure=True)
    assert "1.23 k tokens a second" in forecast(session, form)


def test_the_form_as_it_is_found_foretells_a_band(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "_ask", lambda key: Speed(10_000.0, 100.0, "cpu"))
    told = forecast(session, form(usual_preset(), DEFAULT_MINUTES), measure=True)
    assert "validation loss at the end" in told and "lower is better" in told


def ended_run(
    session: Session, name: str, *, tokens: int = 900, bpb: float = 1.0, tok_per_s: float = 100.0,
    elapsed_s: float = 60.0, end: str = "finished", fingerprint: str = "own", init_from: str | None = None,
    **changes: object,
) -> Path:
    """A run of the golden preset on the data set `own`, as it stands here after its end."""
    chosen, run = PRESETS["golden"], session.checkpoints / name
    data, train = {"name": "own", "fingerprint": fingerprint}, {**vars(chosen.train), "minutes": 1.0, **changes}
    write_json(run / "run.json", {
        "run": name, "created": 1.0, "preset": "golden", "data": data, "model": vars(chosen.model), "train": train,
        "n_params": parameter_count(chosen.model), "init_from": init_from,
    })  # fmt: skip
    with EventLog(run / "events.jsonl") as log:
        log.append("start", 0, n_params=parameter_count(chosen.model), device="cpu")
        for step, speed in enumerate((1.0, tok_per_s, tok_per_s), start=3):  # the first update is slow
            log.append("train", step, loss=3.0, tokens=tokens, elapsed_s=elapsed_s, tok_per_s=speed)
        log.append("eval", 5, val_loss=3.0, val_bpb=bpb)
        log.append("end", 5, reason=end, message="")
    write_json(run / "process.json", {"host": socket.gethostname()})
    return run


def foretold(session: Session) -> str:
    form = TrainForm.from_values("own", "golden", 1.0, "", preset_values("golden"))
    return forecast(session, form, unknown="unknown")


def test_a_run_that_ended_here_tells_how_fast_its_settings_are(session: Session) -> None:
    own_set(session, "own", tokens=9_000)
    ended_run(session, "one", tok_per_s=4321.0, end="stopped", learning_rate=0.5)
    assert "just now: 4.32 k tokens a second (cpu, in run one)" in foretold(session)


@pytest.mark.parametrize(
    "changes", [{"batch_size": 7}, {"elapsed_s": 3.0}, {"end": "error"}], ids=["unlike", "short", "failed"]
)
def test_other_runs_do_not_tell_how_fast_it_is(session: Session, changes: dict) -> None:
    own_set(session, "own", tokens=9_000)
    ended_run(session, "one", **changes)
    assert "unknown" in foretold(session)


def test_a_run_of_another_machine_does_not_tell_how_fast_this_one_is(session: Session) -> None:
    own_set(session, "own", tokens=9_000)
    process = ended_run(session, "one") / "process.json"
    write_json(process, {"host": "elsewhere"})
    assert "unknown" in foretold(session)
    process.unlink()  # unpacked here
    assert "unknown" in foretold(session)


def test_a_compiled_run_does_not_tell_how_fast_one_is_that_is_not(session: Session) -> None:
    own_set(session, "own", tokens=9_000)
    with EventLog(ended_run(session, "one") / "events.jsonl") as log:
        log.append("warning", 0, code="compiling", message="")
        log.append("end", 5, reason="finished", message="")
    assert "unknown" in foretold(session)


def test_runs_that_finished_on_these_stories_tell_what_the_next_one_comes_to(session: Session) -> None:
    own_set(session, "own", tokens=9_000)
    ended_run(session, "one", tokens=3_000, bpb=2.0)
    assert "that read 3,000 tokens of these stories ended at 2.00" in foretold(session)
    ended_run(session, "two", tokens=12_000, bpb=1.0)
    width = law.BAND_MARGIN * law._fit()[1]
    middle = 2.0 * (0.9 * 60 * 100 / 3_000) ** -0.5  # at 100 tokens a second; four times as long, half the loss
    low, high = (f"{middle * math.exp(sign * width):.2f}" for sign in (-1, 1))
    assert f"{low} to {high} " in foretold(session)


@pytest.mark.parametrize(
    "changes", [{"end": "stopped"}, {"fingerprint": "another"}, {"init_from": "tinystories-5m"}],
    ids=["stopped", "on other stories", "continued"],
)
def test_other_runs_do_not_tell_what_it_comes_to(session: Session, changes: dict) -> None:
    own_set(session, "own", tokens=9_000)
    ended_run(session, "one", **changes)
    assert "No training as short and as small has ended" in foretold(session)


def form(preset: str = "golden", minutes: float | None = 1.0, **more: object) -> TrainForm:
    values = dict(zip((f.name for f in form_fields()), preset_values(preset), strict=True))
    return TrainForm.from_values(STARTER, preset, minutes, "", list({**values, **more}.values()))


@pytest.mark.parametrize("preset", PRESETS)
def test_an_untouched_form_is_the_preset(session: Session, preset: str) -> None:
    assert form(preset).overrides() == {}
    assert form(preset).model(PRESETS[preset].model.vocab_size) == PRESETS[preset].model


def test_the_form_has_every_training_setting_once() -> None:
    names = [f.name for f in form_fields()]
    assert len(set(names)) == len(names)
    assert set(TrainConfig.__dataclass_fields__) - set(names) == {"minutes"}


def test_what_was_changed_becomes_an_override(session: Session) -> None:
    wanted = spec(session, form(n_layer="5", learning_rate="0.5", grad_clip="", compile=True))
    assert wanted.overrides == {"n_layer": 5, "learning_rate": 0.5, "grad_clip": None, "compile": True}
    assert (wanted.run, wanted.data, wanted.minutes) == ("golden-starter-001", "starter-512", 1.0)
    assert wanted.checkpoints == session.checkpoints


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"n_head": "3"}, "not divisible"),
        ({"n_layer": "many"}, "n_layer must be a whole number"),
        ({"learning_rate": "-1"}, "least possible"),
        ({"minutes": 0}, "no end"),
        ({"steps": "5", "tokens": "7"}, "empty one"),
    ],
)
def test_what_cannot_be_trained_is_said_before_it_starts(session: Session, changes: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        spec(session, form(**changes))


def test_steps_go_before_minutes(session: Session) -> None:
    wanted = spec(session, form(steps="7"))
    assert (wanted.steps, wanted.minutes) == (7, None)


def test_names_count_up_past_what_is_there(session: Session) -> None:
    make_run(session, "golden-starter-009", "train")
    make_run(session, "golden-starter-x", "train")
    assert suggest_name(session, form()) == "golden-starter-010"


def test_starter_stories_can_always_be_chosen() -> None:
    assert [value for _, value in data_choices([])] == [STARTER]
