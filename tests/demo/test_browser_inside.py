"""The Inside tab in a real browser: a token chosen in one picture is chosen in all, at every stage of a training."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("gradio")
from playwright.sync_api import Locator, expect

from tests.demo.browsing import SLOW_MS, Watched

pytestmark = pytest.mark.browser
TEXT = "The cat sat on <img src=x onerror='alert(1)'> a mat."


@pytest.fixture(scope="module")
def snapshots(home: Path) -> Path:
    """The folder of the run's snapshots: the one it saved at its end, and two earlier ones of other weights."""
    folder = home / "checkpoints/first/snapshots"
    for step, strength in ((1, 3.0), (3, -2.0)):
        grow(folder, step, strength)
    return folder


def grow(folder: Path, step: int, strength: float) -> None:
    """A snapshot like the last one with an embedding this many times as strong, renamed into place when it is whole."""
    from safetensors.torch import load_file, save_file

    part = folder / ".part"
    shutil.copytree(max(folder.glob("[0-9]*")), part)
    weights = load_file(part / "model.safetensors")
    weights["transformer.wte.weight"] *= strength
    save_file(weights, part / "model.safetensors", metadata={"format": "pt"})
    part.rename(folder / f"{step:06d}")


@pytest.fixture
def opened(browser, server, snapshots: Path) -> Iterator[Watched]:
    watched = Watched(browser, server.url)
    watched.page.on("dialog", lambda dialog: watched.complaints.append("a dialog opened"))
    watched.tab("Inside")
    expect(watched.part("inside-tokens").locator(".slm-token").first).to_be_visible(timeout=SLOW_MS)
    watched.choose("inside-model", "first")
    expect(watched.part("inside-tokens").locator(".slm-inside-title")).to_contain_text("first after", timeout=SLOW_MS)
    watched.fill("inside-text", TEXT)
    watched.part("inside-go").click()
    expect(watched.part("inside-tokens")).to_contain_text(f"{len(TEXT)} characters", timeout=SLOW_MS)
    yield watched
    watched.page.close()
    assert watched.complaints == []


def bars(opened: Watched) -> list[str]:
    return opened.part("inside-probs").locator("li").all_inner_texts()


def chosen(part: Locator) -> Locator:
    return part.locator('button[data-at][aria-pressed="true"]').first


def test_tokens_have_numbers_and_nothing_typed_becomes_markup(opened, snapshots: Path) -> None:
    from slm.tokenizer import load_tokenizer

    tokens = opened.part("inside-tokens").locator(".slm-token")
    shown = [text.split("\n") for text in tokens.all_inner_texts()]
    assert "".join(piece for piece, _ in shown) == TEXT.replace(" ", "\u2423")
    tokenizer = load_tokenizer(snapshots / "000005")
    assert [int(number) for _, number in shown] == tokenizer.encode(TEXT)
    assert opened.page.locator("#inside-tokens img, #inside-lens img, #inside-attention img").count() == 0
    expect(opened.part("inside-probs").locator("li")).to_have_count(12)


def test_a_token_that_is_clicked_is_chosen_in_every_picture(opened) -> None:
    # The last that the page asks by itself when it is opened: a busy machine comes to it late.
    expect(opened.part("write-next").locator("li").first).to_be_attached()
    opened.page.wait_for_timeout(1000)
    requests: list[str] = []
    opened.page.on("request", lambda request: requests.append(request.url))
    last = bars(opened)
    opened.part("inside-tokens").locator(".slm-token").nth(1).click()
    assert bars(opened) != last
    for name in ("inside-tokens", "inside-lens", "inside-attention"):
        expect(chosen(opened.part(name))).to_have_attribute("data-at", "1")
    expect(opened.part("inside-lens").locator(".slm-column").first).to_be_visible()
    second = bars(opened)
    neighbours = opened.part("inside-near").locator("li").all_inner_texts()
    opened.page.keyboard.press("ArrowRight")
    expect(chosen(opened.part("inside-lens"))).to_have_attribute("data-at", "2")
    assert bars(opened) != second
    assert opened.part("inside-near").locator("li").all_inner_texts() != neighbours
    opened.page.keyboard.press("ArrowLeft")
    assert bars(opened) == second
    assert [url for url in requests if "queue/join" in url] == []  # moving asks the server nothing


def test_another_snapshot_changes_the_bars_and_keeps_the_token(opened) -> None:
    opened.part("inside-tokens").locator(".slm-token").nth(1).click()
    title = opened.part("inside-tokens").locator(".slm-inside-title")
    expect(title).to_contain_text("first after step 5 (the newest of 3 snapshots")
    newest = bars(opened)
    seen = {tuple(newest)}
    for place, step in (("2", "3"), ("1", "1")):
        opened.fill("inside-stage", place)
        expect(title).to_contain_text(f"after step {step} ", timeout=SLOW_MS)
        expect(chosen(opened.part("inside-tokens"))).to_have_attribute("data-at", "1")
        seen.add(tuple(bars(opened)))
    assert len(seen) == 3


def test_a_page_at_the_right_end_follows_a_training_and_survives_its_thinning(opened, snapshots: Path) -> None:
    title = opened.part("inside-tokens").locator(".slm-inside-title")
    expect(title).to_contain_text("the newest of 3")
    grow(snapshots, 9, 1.5)
    expect(title).to_contain_text("after step 9 (the newest of 4", timeout=SLOW_MS)
    opened.fill("inside-stage", "2")
    expect(title).to_contain_text("after step 3 ", timeout=SLOW_MS)
    grow(snapshots, 14, 0.5)
    expect(opened.part("inside-stage").locator("input[type=range]")).to_have_attribute("max", "5", timeout=SLOW_MS)
    expect(title).to_contain_text("after step 3 ")
    opened.tab("Write")  # the page looks no more, so that its slider stands for what is gone
    opened.page.wait_for_timeout(2500)
    for step in (9, 14):
        shutil.rmtree(snapshots / f"{step:06d}")
    opened.tab("Inside")
    expect(title).to_contain_text("after step 3 (number 2 of 3", timeout=SLOW_MS)


def test_a_head_is_chosen_and_drawn_large(opened) -> None:
    attention = opened.part("inside-attention")
    canvas = attention.locator(".slm-attn-large canvas")
    drawn = set()
    for name in (
        "Layer 1, head 1",
        "Layer 3, head 2",
        "Layer 2, all heads: the mean",
        "All layers, all heads: the mean",
    ):
        attention.get_by_role("button", name=name).click()
        expect(attention.locator("h4")).to_have_text(name)
        drawn.add(canvas.screenshot())
    assert len(drawn) == 4
    expect(attention.locator(".slm-attn-says")).to_contain_text(re.compile(r"looks most at .*\s%|many tokens a little"))
    frame = attention.locator(".slm-attn-frame")
    box = frame.bounding_box()
    frame.click(position={"x": 5, "y": box["height"] * 0.01})
    expect(chosen(opened.part("inside-tokens"))).to_have_attribute("data-at", "0")
    expect(attention.locator(".slm-attn-says")).to_contain_text("(itself) 100")


def test_the_neighbours_of_any_word(opened) -> None:
    found = opened.part("inside-found")
    opened.fill("inside-word", "the")
    opened.part("inside-find").click()
    expect(found).to_contain_text("\u201cthe\u201d is one token of this model.", timeout=SLOW_MS)
    expect(found.locator(".slm-near li")).to_have_count(12)
    expect(found.locator("svg text")).to_have_count(13)
    opened.fill("inside-word", "<b>zyzzyva</b>")
    opened.part("inside-find").click()
    expect(found).to_contain_text("no token for \u201c<b>zyzzyva</b>\u201d", timeout=SLOW_MS)
    first = found.locator(".slm-near li").all_inner_texts()
    found.locator(".slm-near-token").nth(1).click()
    assert found.locator(".slm-near li").all_inner_texts() != first


def test_a_text_of_many_pages_is_seen_at_its_end(opened) -> None:
    opened.fill("inside-text", "The dog and the cat went home. " * 60)
    opened.part("inside-go").click()
    tokens = opened.part("inside-tokens")
    expect(tokens).to_contain_text("before them are left out", timeout=SLOW_MS)
    expect(tokens.locator(".slm-token")).to_have_count(64)
    expect(opened.part("inside-probs").locator("li")).to_have_count(12)


def test_a_phone_needs_no_sideways_scroll_with_all_of_it_drawn(browser, server, snapshots: Path) -> None:
    watched = Watched(browser, server.url, width=390)
    watched.tab("Inside")
    expect(watched.part("inside-near").locator("svg")).to_be_visible(timeout=SLOW_MS)
    assert watched.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    watched.page.close()
    assert watched.complaints == []


def test_columns_of_the_lens_that_are_scrolled_away_leave_a_shade(opened) -> None:
    opened.page.set_viewport_size({"width": 390, "height": 900})
    box = opened.part("inside-lens").locator(".slm-scroll")
    box.evaluate("box => { box.scrollLeft = 60; }")
    expect(box).to_have_class(re.compile("slm-scrolled"))
    shade = "th => getComputedStyle(th).boxShadow"
    scrolled = box.locator("tbody th").first.evaluate(shade)
    box.evaluate("box => { box.scrollLeft = 0; }")
    expect(box).not_to_have_class(re.compile("slm-scrolled"))
    assert box.locator("tbody th").first.evaluate(shade) != scrolled
