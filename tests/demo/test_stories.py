"""Stories as a page asks for them: seeds, stops, prompts and sliders."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from demo.session import Session
from demo.stories import Story, asked_settings, remark_on_prompt, sample_settings, write
from demo.telling import stories_html
from slm.config import SampleConfig


def tell(home: Path, count: int = 1, stop: threading.Event | None = None, **settings: object) -> list[list[Story]]:
    session = Session(home, home)
    wanted = sample_settings({"temperature": 1.0, **settings}, most_tokens=1000)
    told = []
    for stories in write(session, ["small"], prompt="Once upon a time", count=count, settings=wanted,
                         stop=stop or threading.Event()):
        told.append([Story(**vars(story)) for story in stories])
    return told


def test_stories_side_by_side_are_the_ones_their_seeds_give_alone(model_home: Path) -> None:
    together = tell(model_home, 3, seed=11, max_new_tokens=17)[-1]
    alone = [tell(model_home, seed=11 + i, max_new_tokens=17)[-1][0] for i in range(3)]
    assert [s.text for s in together] == [s.text for s in alone]
    assert [s.seed for s in together] == [11, 12, 13]
    lm = Session(model_home, model_home).language_model("small")
    assert alone[0].text == "".join(lm.stream("Once upon a time", 17, temperature=1.0, top_p=None, seed=11))


def test_a_story_without_a_seed_can_be_repeated_by_the_one_it_shows(model_home: Path) -> None:
    first = tell(model_home, max_new_tokens=13)[-1][0]
    assert tell(model_home, seed=first.seed, max_new_tokens=13)[-1][0].text == first.text


def test_a_stop_before_the_first_token_writes_nothing(model_home: Path) -> None:
    stop = threading.Event()
    stop.set()
    story = tell(model_home, max_new_tokens=500, stop=stop)[-1][0]
    assert (story.state, story.text) == ("stopped", "")


def test_a_prompt_longer_than_the_context_is_said(model_home: Path) -> None:
    session = Session(model_home, model_home)
    settings = sample_settings({"max_new_tokens": 1, "seed": 1}, most_tokens=10)
    with pytest.warns(UserWarning, match="context"):
        long, stop = "many words " * 50, threading.Event()
        *_, last = write(session, ["small"], prompt=long, count=1, settings=settings, stop=stop)
    assert "sees 37 at once" in last[0].remark
    assert remark_on_prompt(5, 5, context=37) == ""


def test_a_program_is_given_the_models_own_settings_where_it_says_nothing() -> None:
    own = SampleConfig(max_new_tokens=500, temperature=0.4, top_k=7, top_p=None, min_p=0.1)
    nothing = dict.fromkeys(("max_new_tokens", "temperature", "top_k", "top_p", "seed"))
    assert asked_settings(own, nothing, most_tokens=1000) == own
    assert asked_settings(own, nothing, most_tokens=400).max_new_tokens == 400
    asked = asked_settings(own, {**nothing, "temperature": 0.0, "top_k": 0, "top_p": 0.9, "seed": 3}, most_tokens=1000)
    assert asked == SampleConfig(max_new_tokens=500, temperature=0.0, top_k=None, top_p=0.9, min_p=0.1, seed=3)
    with pytest.raises(ValueError, match="max_new_tokens is 401, the most on this page is 400"):
        asked_settings(own, {"max_new_tokens": 401}, most_tokens=400)
    with pytest.raises(ValueError, match="temperature"):
        asked_settings(own, {"temperature": -1.0}, most_tokens=400)


def test_sliders_at_their_ends_are_off() -> None:
    off = {"top_k": 0, "top_p": 1, "min_p": 0, "repetition_penalty": 1, "seed": "", "temperature": 0.5}
    assert sample_settings(off, most_tokens=1000) == SampleConfig(temperature=0.5, top_p=None)
    assert sample_settings({"seed": " 7 ", "top_k": 5}, most_tokens=1000).seed == 7
    with pytest.raises(ValueError, match="most on this page is 100"):
        sample_settings({"max_new_tokens": 101}, most_tokens=100)


def test_what_a_person_typed_is_text_not_html() -> None:
    html = stories_html([Story("m", "<script>x</script>", 1), Story("<i>", "p", 2)])
    assert "<script>" not in html and "<i>" not in html
