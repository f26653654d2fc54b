"""What the page says: sentences out of messages, and one name for each thing wherever people read it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from demo.session import sentence
from demo.views import words
from demo.views.chart import chart_js
from demo.views.differences import RESULTS
from demo.views.runs import HEADERS
from demo.views.status import STATES, state_word

DEMO = Path(words.__file__).parents[1]
SOURCES = [path for path in DEMO.rglob("*") if path.suffix in (".py", ".js")]


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ("n_embd is 3, the least possible is 4", "n_embd is 3, the least possible is 4."),
        ("n_embd: too small", "n_embd: too small."),
        ("beta1 is 2", "beta1 is 2."),
        ("story.pdf cannot be read", "story.pdf cannot be read."),
        ("tinystories-5m has no snapshots", "tinystories-5m has no snapshots."),
        ("there is no text yet", "There is no text yet."),
        ("which data set? Type its name", "Which data set? Type its name."),
        ("don't", "Don't."),
        ("", "Something went wrong."),
    ],
)
def test_a_sentence_begins_with_a_capital_and_a_name_stays_as_it_is(message: str, says: str) -> None:
    assert sentence(ValueError(message)) == says


def test_each_measure_has_one_name() -> None:
    assert {words.VALIDATION_LOSS, words.BITS_PER_BYTE} <= set(HEADERS)
    assert RESULTS["val_loss"][0] == f"best {words.VALIDATION_LOSS}" and RESULTS["val_bpb"][0] == words.BITS_PER_BYTE
    for name in (words.TRAINING_LOSS, words.VALIDATION_LOSS, words.BITS_PER_BYTE):
        assert f'"{name}"' in chart_js()
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        assert not re.search("val loss|bits a byte", text), path
        assert path.name == "words.py" or "validation loss" not in text, f"{path} spells it out once more"


def test_a_state_is_told_in_the_words_of_the_train_tab() -> None:
    assert state_word("lost") == "interrupted" == STATES["lost"][0].lower()
    assert (state_word("bundled"), state_word("unheard of")) == ("ready-made", "unheard of")
