"""What is understood of a run from elsewhere; tests/test_pack.py holds what a zip can do with its record and events."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slm.understood import MOST_SEEDS, MOST_STORIES, MOST_STORY_CHARACTERS, parsed, report_card
from tests.test_report import OVERLAP, small_report

BUNDLED = Path(__file__).resolve().parent.parent / "checkpoints" / "tinystories-5m" / "report.json"


def test_a_report_card_is_understood_whole() -> None:
    for card in (small_report(), small_report(overlap=OVERLAP, precision="int8"), json.loads(BUNDLED.read_text())):
        assert report_card(card) == card


def test_what_a_report_card_has_no_place_for_is_left_out() -> None:
    card = small_report(auto_map="evil.py", created="yesterday", human_stories=7)
    card["data"] |= {"path": "/etc/passwd", "fingerprint": ["ab"]}
    card["measures"] |= {"loops": {"greedy": {"mean": float("nan"), "code": 1}}, "soul": {"human": {}}}
    kept = report_card(card)
    assert kept is not None and set(kept) == set(small_report())
    assert kept["data"] == {"name": "stories"}
    assert kept["measures"]["loops"] == {"greedy": {}} and "soul" not in kept["measures"]


def test_of_the_overlap_numbers_are_understood_and_one_that_cannot_be_told_is_none() -> None:
    kept = report_card(small_report(overlap={**OVERLAP, "exact": 2, "without": {"val_loss": 1}, "path": "/etc/passwd"}))
    assert kept is not None and kept["overlap"] == {**OVERLAP, "exact": 2}
    for nothing in (None, {}, [], "all of it"):
        kept = report_card(small_report(overlap=nothing))
        assert kept is not None and kept["overlap"] == {}
    for wrong in ({"stories": 3}, {**OVERLAP, "mean_share": "low"}, {**OVERLAP, "stories": None}):
        assert report_card(small_report(overlap=wrong)) is None


@pytest.mark.parametrize(
    "wrong", [{"v": 2}, {"v": "1"}, {"seeds": "12"}, {"prompts": []}, {"losses": None}, {"prompts": {"count": "3"}}]
)
def test_what_is_no_report_card_is_none(wrong: dict) -> None:
    assert report_card(small_report(**wrong)) is None
    assert report_card({}) is None


def test_a_report_card_stays_small() -> None:
    story = small_report()["stories"][0]
    long, wordless = {**story, "text": "a" * (MOST_STORY_CHARACTERS + 1)}, {**story, "text": ["a"]}
    kept = report_card(small_report(stories=[long, wordless, 7, *[story] * 100], seeds=[*range(5000)]))
    assert kept is not None and kept["stories"] == [story] * (MOST_STORIES - 3) and len(kept["seeds"]) == MOST_SEEDS


def test_json_of_a_zip_has_no_numbers_that_are_none() -> None:
    assert parsed(b'{"a": NaN}', "x.json") == {"a": None}
    with pytest.raises(ValueError, match=r"x\.json in the zip is not JSON"):
        parsed(b"[" * 100_000, "x.json")
