"""A story after the copy check, and what differs between runs: what a person reads there."""

from __future__ import annotations

import html
import re
from types import SimpleNamespace

from demo.views.copies import copied_html
from demo.views.data import manifest_html, progress_html
from demo.views.differences import differences, differences_html
from slm.config import PRESETS
from slm.data.copies import Copied, Match
from slm.fields import field_doc

TEXT = "Tom sat. <b>There was a big red dog</b> and it barked. Then there was tea & cake for all of them."


def match(text: str, tokens: int, place: int = 5) -> Match:
    begin = TEXT.index(text)
    return Match(begin, begin + len(text), tokens, len(text.split()), text, place)


def underlined(markup: str) -> list[str]:
    return [html.unescape(found) for found in re.findall(r"<mark [^>]*>(.*?)</mark>", markup, re.DOTALL)]


def test_what_was_copied_is_underlined_and_nothing_is_lost() -> None:
    first, second = match("<b>There was a big red dog</b>", 13), match("tea & cake for all of them.", 12)
    markup = copied_html(Copied(TEXT, [first, second], first, 0.5, 10.5), {})
    assert underlined(markup) == [first.text, second.text]
    assert markup.count("slm-copied-longest") == 1
    prose = re.search(r'<p class="slm-prose">(.*?)</p>', markup, re.DOTALL)
    assert prose and html.unescape(re.sub("<[^>]*>", "", prose[1])) == TEXT
    assert "<b>" not in prose[1]
    assert "Its longest stretch from a training story has 6 words" in markup
    assert "it is usually 10." in markup and "50 % of the story is underlined" in markup


def test_the_training_story_is_shown_around_the_stretch() -> None:
    first = match("there was tea & cake", 12)
    story = "word " * 100 + first.text + " again" * 100
    markup = copied_html(Copied(TEXT, [first], first, 0.2, 10), {5: story})
    assert "Where 5 words come from" in markup
    shown = html.unescape(re.sub("<[^>]*>", "", markup.partition("<details>")[2]))
    assert f"word {first.text} again" in shown and shown.count("\u2026") == 2
    assert len(shown) < len(story)


def test_a_short_stretch_is_told_and_not_underlined() -> None:
    markup = copied_html(Copied(TEXT, [], match("and it barked", 4), 0.0, 10), {})
    assert "shares no long stretch" in markup and "the longest has 3 words" in markup and underlined(markup) == []
    assert "Nothing of this story" in copied_html(Copied("", [], None, 0.0, 10), {})
    whole = Match(0, len(TEXT), 30, 20, TEXT, 1)
    assert "The whole story stands in the training stories" in copied_html(Copied(TEXT, [whole], whole, 1.0, 10), {})


def record(**changes: object) -> dict:
    train = {"learning_rate": 0.003, "steps": 300, "compile": False, "minutes": None}
    data = {"name": "tiny", "fingerprint": "ab" * 32}
    return {"preset": "golden", "seed": 7, "data": data, "model": {"n_layer": 3}, "train": {**train, **changes}}


def test_only_what_differs_is_named_with_its_meaning() -> None:
    assert differences([record(), record()]) == []
    [row] = differences([record(), record(learning_rate=0.02)])
    assert row == ("learning rate", field_doc(type(PRESETS["golden"].train), "learning_rate"), ["0.003", "0.02"])
    named = {name: values for name, _, values in differences([record(), record(steps=None, compile=True, minutes=1.5)])}
    assert named == {"minutes": ["none", "1.5"], "steps": ["300", "none"], "compile": ["no", "yes"]}
    renewed = {**record(), "data": {"name": "tiny", "fingerprint": "cd" * 32}}
    assert differences([record(), renewed])[0][2] == ["tiny ababab", "tiny cdcdcd"]


def test_runs_stand_side_by_side_with_what_came_of_them() -> None:
    runs = [
        SimpleNamespace(name="a<b>", val_loss=1.5, val_bpb=0.5, tokens=1_000, elapsed_s=61.0),
        SimpleNamespace(name="b", val_loss=None, val_bpb=None, tokens=None, elapsed_s=None),
    ]
    markup = differences_html(runs, [record(), record(learning_rate=0.02)])
    assert "a&lt;b&gt;" in markup and "<td>0.003</td><td>0.02</td>" in markup
    assert "<td>1.500</td><td>\u2013</td>" in markup and "<td>1 min 1 s</td>" in markup
    assert "All their settings are the same" in differences_html(runs, [record(), record()])
    assert "Choose two runs or more" in differences_html(runs[:1], [record()])
    assert differences_html(runs, [{}, {}])  # an unreadable run.json


def test_progress_says_the_step_and_the_time_left() -> None:
    at = {"stage": "tokenise", "done": 250, "total": 1000, "elapsed_s": 95.0, "stage_s": 30.0}
    for part in ("step 3 of 4 \u00b7 250 of 1,000", "\u00b7 1 min 35 s \u00b7 about 1 min 30 s left in this step"):
        assert part in progress_html(at)
    for unknown in ({"stage_s": 0.5}, {"done": 0}, {"total": None}, {"stage_s": None}, {"done": 1000}):
        assert "left" not in progress_html({**at, **unknown})


def test_a_data_set_says_how_much_of_the_text_its_vocabulary_covers() -> None:
    markup = manifest_html({"name": "x", "vocab_size": 4096, "vocab_coverage": 0.9871, "vocab_used": 4012})
    assert "text covered" in markup and "99 %" in markup and "4,012" in markup
    assert "text covered" not in manifest_html({"name": "older", "vocab_size": 4096})
