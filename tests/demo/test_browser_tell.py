"""Several stories, two models, a run's whole way and its report card, as a person sees them in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("gradio")
from playwright.sync_api import Locator, expect

from tests.demo.browsing import SLOW_MS, Server, Watched
from tests.demo.test_browser_inside import grow
from tests.demo.test_browser_write import text_of, write

pytestmark = pytest.mark.browser


def stories_of(story: Locator) -> list[str]:
    return [text_of(one) for one in story.locator("article").all()]


def test_several_stories_differ_can_be_chosen_from_and_come_again_with_their_seed(opened: Watched) -> None:
    opened.part("write-several").get_by_role("button").first.click()
    opened.fill("write-count", "3")
    story = write(opened)
    stories = story.locator("article")
    expect(stories).to_have_count(3)
    for number in range(3):
        expect(stories.nth(number)).to_contain_text(f"seed {7 + number}")
    first = stories_of(story)
    assert len(set(first)) == 3
    stories.nth(2).locator(".slm-word").nth(3).click()
    expect(opened.part("write-else").locator("[aria-current=true]")).to_have_count(1, timeout=SLOW_MS)
    write(opened)
    assert stories_of(story) == first
    opened.fill("write-count", "1")
    write(opened, seed=9)
    assert text_of(story) == first[2]  # each is the one that its seed gives alone


def test_two_models_tell_side_by_side_with_one_seed_under_their_names(opened: Watched) -> None:
    opened.part("write-several").get_by_role("button").first.click()
    opened.choose("write-other", "^tinystories-5m")
    story = write(opened, prompt="Once upon a time")
    names = story.locator("article h4")
    expect(names).to_have_text([re.compile("^first"), re.compile("^tinystories-5m")])
    mine, theirs = stories_of(story)
    assert mine.startswith("Once upon a time") and theirs.startswith("Once upon a time") and mine != theirs
    opened.choose("write-other", "^nobody$")
    write(opened, prompt="Once upon a time")
    assert text_of(story) == mine


def test_the_time_machine_tells_one_prompt_at_every_snapshot(opened: Watched, server: Server) -> None:
    folder = Path(server.home, "checkpoints/first/snapshots")
    for step, strength in ((1, 3.0), (3, -2.0)):
        if not (folder / f"{step:06d}").exists():  # from a first try of this test
            grow(folder, step, strength)
    opened.tab("Runs")
    opened.choose("runs-run", "^first$")
    slider, told = opened.part("runs-stage").locator("input[type=range]"), opened.part("runs-story")
    expect(slider).to_have_attribute("max", "3")
    stages = []
    for key, step in (("Home", "1"), ("ArrowRight", "3"), ("ArrowRight", "5"), ("Home", "1")):
        slider.press(key)
        expect(told).to_contain_text(re.compile(rf"first as it was after step {step}\."), timeout=SLOW_MS)
        expect(told.locator("article")).to_have_attribute("aria-busy", "false", timeout=SLOW_MS)
        stages.append(told.locator("p").first.inner_text())
    assert stages[0] == stages[3] and len(set(stages)) == 3


def test_a_report_card_is_made_while_the_page_tells_how_far_it_is(opened: Watched) -> None:
    opened.tab("Runs")
    opened.choose("runs-run", "^first$")
    card = opened.part("runs-report")
    expect(card.locator("table")).to_have_count(0)
    opened.part("runs-report-make").click()
    expect(card).to_contain_text("The model writes", timeout=SLOW_MS)
    expect(card.locator("tbody tr")).to_have_count(9, timeout=SLOW_MS)
    expect(card.locator("thead")).to_contain_text("People")
