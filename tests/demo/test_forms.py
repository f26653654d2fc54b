"""The form under "More settings": made from the settings' own definitions, every one in its place."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest

from demo.forms import (
    GROUPS,
    LEFT_OUT,
    STARTER,
    TrainForm,
    data_name,
    field_groups,
    form_fields,
    preset_values,
    shown,
    typed,
)
from slm.config import PRESETS, ModelConfig, TrainConfig, field_doc
from slm.folders import is_name

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
