"""What stands under a story and around its words."""

from __future__ import annotations

import pytest

from demo.stories import Story
from demo.telling import INSIDE_WORD, columns_html, stories_html, story_note
from demo.views.story import GROUP
from demo.written import Versions
from slm.generate import Written


def told(prompt: str, *texts: str, **fields: object) -> Story:
    story = Story("m", prompt, 7, state="full", **fields)  # type: ignore[arg-type]
    for token, text in enumerate(texts):
        story.take(Written(token, text))
    return story


@pytest.mark.parametrize("prompt", ["Once upon a ti", "\u00c9t\u00e9", "X"])
def test_a_prompt_that_the_model_took_for_half_a_word_is_told(prompt: str) -> None:
    assert story_note(told(prompt, "est", " of")).endswith(f"stopped at your number of tokens. {INSIDE_WORD}")
    assert story_note(told(prompt, "est", remark="So it is.")).endswith(f". So it is. {INSIDE_WORD}")


@pytest.mark.parametrize(
    ("prompt", "text"),
    [("Once upon a time", ", there"), ("Once upon a time", " there"), ("Once,", "there"), ("Once\n", "There"),
     ("", "Once"), ("Once", ""), ("1", "st"), ("\u4e00", "\u4e8c"), ("Once upon a ti", "7")],
)  # fmt: skip
def test_a_whole_word_is_not(prompt: str, text: str) -> None:
    assert INSIDE_WORD not in story_note(told(prompt, text))


def test_rounded_weights_are_said_in_two_words_and_explained_on_the_pointer() -> None:
    rounded = stories_html([told("Once", ",", weights="int8 weights, loss +0.03 %")])
    note = rounded.partition("<footer")[2].partition(">")[2]
    assert "rounded weights" in note and "int8" not in note
    assert 'title="The model&#x27;s numbers are rounded to 8 bits' in rounded and "loss +0.03 %" in rounded
    assert "<footer>" in stories_html([told("Once", ",")])


def test_a_story_is_one_text_to_a_screen_reader_and_says_how_to_choose_a_word() -> None:
    markup = columns_html([Versions([told("Once", ",", " there")])])
    assert markup.count("slm-word") == 3 and "role=\"button\"" not in markup
    assert f'<p class="slm-prose" role="group" aria-label="{GROUP}">' in markup
    writing = told("Once", ",")
    writing.state = "writing"
    assert "role=" not in columns_html([Versions([writing])])
