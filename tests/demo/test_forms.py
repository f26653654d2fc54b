"""The form under "More settings": made from the settings' own definitions, every one in its place."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import pytest

from demo.forms import (
    GROUPS,
    LEFT_OUT,
    STARTER,
    TrainForm,
    data_choices,
    data_name,
    field_groups,
    form_fields,
    preset_choices,
    preset_values,
    shown,
    spec,
    suggest_name,
    typed,
)
from demo.session import Session
from slm.config import PRESETS, ModelConfig, TrainConfig
from slm.data.prepare import list_datasets
from slm.fields import field_doc
from slm.folders import is_name
from slm.gpus import usual_preset
from tests.demo.making import form, make_run, own_set

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
