"""The page in a real browser, against a server of its own: what a person does with a model, and on a phone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("gradio")
from playwright.sync_api import Browser, expect

from tests.demo.browsing import SLOW_MS, TABS, Server, Watched, fits

pytestmark = pytest.mark.browser


def test_writes_the_same_story_for_the_same_seed(opened: Watched) -> None:
    story = opened.part("write-story")
    opened.fill("write-prompt", "Once upon <b>a</b> time {{7*7}} ${7*7} `x`")
    opened.fill("write-max-tokens", "12")
    told = []
    for seed in ("7", "8", "7"):  # another one in between, so that an old story is not taken for the new
        opened.fill("write-seed", seed)
        opened.part("write-go").click()
        expect(story).to_contain_text(re.compile(f"seed {seed} .*(the end|stopped at your number)"))
        expect(opened.part("write-go")).to_be_enabled()
        told.append(story.locator("p").inner_text())
    assert told[0] == told[2] != told[1]
    assert told[0].startswith("Once upon <b>a</b> time {{7*7}} ${7*7} `x`")
    assert len(told[0]) > len("Once upon <b>a</b> time {{7*7}} ${7*7} `x`")


# The page with models that take half a second for each token.
SLOW_WRITER = """
import time
import app
from slm.generate import LanguageModel
write_many = LanguageModel.write_many
def slowly(self, *args, **settings):
    for column in write_many(self, *args, **settings):
        time.sleep(0.5)
        yield column
LanguageModel.write_many = slowly
app.main()
"""


class SlowServer(Server):
    """A server whose stories are long under way on the fastest machine too, so that Stop comes in their midst."""

    program = ("-c", SLOW_WRITER)


def test_stops_at_once_and_writes_again(browser: Browser, home: Path) -> None:
    server = SlowServer(home)
    try:
        opened = Watched(browser, server.url)
        story = opened.part("write-story")
        opened.choose("write-model", "first")
        opened.fill("write-max-tokens", "1000")
        opened.fill("write-temperature", "0")  # so young a model then says the same for ever and finds no end
        opened.part("write-go").click()
        expect(story).to_contain_text(re.compile(r"\d tokens .*writing"))
        opened.part("write-stop").click()
        expect(story).to_contain_text("stopped by you", timeout=30_000)  # the whole story takes 500 seconds
        expect(opened.part("write-go")).to_be_enabled()
        opened.fill("write-max-tokens", "3")
        opened.part("write-go").click()
        expect(story).to_contain_text(re.compile(r"\b3 tokens .*stopped at your number|the end"))
        opened.page.close()
    finally:
        server.stop()
    assert opened.complaints == []


def test_says_what_is_wrong_in_a_sentence(opened: Watched) -> None:
    opened.fill("write-seed", "seven")
    opened.part("write-go").click()
    expect(opened.part("write-story")).to_contain_text("Seed must be a whole number, not 'seven'.", timeout=SLOW_MS)
    opened.tab("Train")
    opened.fill("train-minutes", "0")
    opened.part("train-start").click()
    expect(opened.page.get_by_text("Not started: there is no end")).to_be_visible()
    expect(opened.part("train-status")).not_to_contain_text("no end")


def test_a_page_that_is_loaded_anew_shows_the_tab_that_was_open(opened: Watched, server: Server) -> None:
    opened.tab("Runs")
    opened.reload()
    expect(opened.part("runs-table")).to_contain_text("first", timeout=SLOW_MS)
    expect(opened.part("runs-table")).to_be_visible()
    opened.tab("Write")
    opened.reload()
    expect(opened.part("write-go")).to_be_visible(timeout=SLOW_MS)
    opened.page.goto(f"{server.url}#nothing")
    opened.reload()
    expect(opened.part("write-go")).to_be_visible(timeout=SLOW_MS)
    assert opened.page.url == f"{server.url}#write"


def test_looks_inside(opened: Watched) -> None:
    opened.tab("Inside")
    opened.choose("inside-model", "first")
    opened.fill("inside-text", "The cat sat.")
    opened.part("inside-go").click()
    expect(opened.part("inside-tokens").locator("li").first).to_be_visible(timeout=SLOW_MS)
    expect(opened.part("inside-probs").locator("li")).to_have_count(12)
    expect(opened.part("inside-attention").locator("canvas").first).to_be_visible()
    expect(opened.part("inside-lens").locator("tbody tr")).to_have_count(4)  # three layers and what came


def test_prepares_starter_stories(opened: Watched, server: Server) -> None:
    opened.tab("Data")
    opened.page.get_by_role("button", name="More settings").locator("visible=true").click()
    opened.fill("data-name", "by-hand")
    opened.fill("data-limit", "200")
    opened.part("data-prepare").click()
    expect(opened.part("data-status")).to_contain_text("ready", timeout=SLOW_MS)
    expect(opened.part("data-manifest")).to_contain_text("by-hand")
    expect(opened.part("data-preview").locator("article").first).to_be_visible()
    manifest = json.loads((server.home / "data/by-hand/manifest.json").read_text())
    assert manifest["train"]["stories"] <= 200


def test_says_what_a_story_copied(opened: Watched) -> None:
    opened.part("write-did-it-copy").click()
    expect(opened.part("write-copied")).to_contain_text("no story yet", timeout=SLOW_MS)
    opened.choose("write-model", "first")
    told = preview_of(opened)
    opened.fill("write-prompt", told)  # a model that began with a training story's own words
    opened.fill("write-max-tokens", "5")
    opened.part("write-go").click()
    expect(opened.part("write-story")).to_contain_text(re.compile("5 tokens|the end"), timeout=SLOW_MS)
    expect(opened.part("write-go")).to_be_enabled()
    expect(opened.part("write-copied")).to_be_empty()
    opened.part("write-did-it-copy").click()
    copied = opened.part("write-copied")
    expect(copied).to_contain_text("Its longest stretch from a training story has", timeout=SLOW_MS)
    assert told[:60] in copied.locator("mark").first.inner_text()
    copied.locator("summary").first.click()
    expect(copied.locator("details mark").first).to_be_visible()


def preview_of(opened: Watched) -> str:
    """The first words of a training story, as the Data tab shows it."""
    opened.choose_set("tiny")
    expect(opened.part("data-manifest")).to_contain_text("tiny", timeout=SLOW_MS)
    story = opened.part("data-preview").locator("article p").first
    expect(story).to_be_visible(timeout=SLOW_MS)
    words = story.inner_text().split("\n")[0][:150]
    opened.tab("Write")
    return words


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scroll(browser: Browser, server: Server, scheme: str) -> None:
    watched = Watched(browser, server.url, width=390)
    watched.page.emulate_media(color_scheme=scheme)
    for name, part in TABS.items():
        watched.tab(name)
        fits(watched.page, part)
    watched.page.close()
    assert watched.complaints == []
