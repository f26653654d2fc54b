"""The Write tab in a real browser: words that can be chosen, branches, surprise, the next-word bars, two settings."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("gradio")
import torch
from playwright.sync_api import Browser, Locator, expect

from demo.session import Session
from demo.views.chart import static_text
from slm.config import SampleConfig
from slm.sampling import adjust
from tests.demo.browsing import SLOW_MS, Server, Watched

pytestmark = pytest.mark.browser
FIELDS = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty")
COMBINATIONS = [
    {},
    {"temperature": 0.0, "repetition_penalty": 1.7},
    {"temperature": 0.05},
    {"temperature": 2.0, "top_p": None},
    {"top_k": 1},
    {"top_k": 7, "top_p": None},
    {"top_k": 500, "top_p": 0.6},
    {"top_k": 20, "top_p": 0.9, "min_p": 0.05, "repetition_penalty": 1.3, "temperature": 0.7},
    {"top_p": 0.0},
    {"top_p": 0.3, "temperature": 1.9},
    {"min_p": 0.2, "top_p": None},
    {"min_p": 1.0},
    {"repetition_penalty": 0.5},
    {"repetition_penalty": 2.0, "top_p": None, "temperature": 1.0},
]


# Go is pressed while the last story stands there: what shows that the next one has begun.
BEGAN_JS = """() => {
  const go = document.querySelector("#write-go");
  window.slmBegan = false;
  new MutationObserver((_, looking) => {
    window.slmBegan ||= go.disabled;
    if (window.slmBegan) looking.disconnect();
  }).observe(go, {attributes: true});
}"""


def write(page: Watched, *, tokens: int = 24, seed: int = 7, **fields: str) -> Locator:
    """Write a story of the barely trained model; the place where it stands."""
    page.choose("write-model", "first")
    for name, value in {"seed": str(seed), "max-tokens": str(tokens), **fields}.items():
        page.fill(f"write-{name}", value)
    page.page.evaluate(BEGAN_JS)
    page.part("write-go").click()
    page.page.wait_for_function("window.slmBegan", timeout=SLOW_MS)
    story = page.part("write-story")
    expect(story.locator(".slm-word[title]").first).to_be_visible(timeout=SLOW_MS)
    expect(page.part("write-go")).to_be_enabled(timeout=SLOW_MS)
    return story


def text_of(story: Locator) -> str:
    return story.locator("p").first.inner_text()


@pytest.mark.parametrize("wanted", COMBINATIONS, ids=lambda c: ", ".join(f"{k} {v}" for k, v in c.items()) or "usual")
def test_the_browsers_arithmetic_is_the_samplers(browser: Browser, wanted: dict) -> None:
    settings = SampleConfig(**wanted)
    generator = torch.Generator().manual_seed(13)
    logits = torch.randn(311, generator=generator) * 4
    seen = torch.randint(311, (29,), generator=generator).tolist()
    page = browser.new_page()
    page.set_default_timeout(SLOW_MS)
    ours = page.evaluate(
        "([code, ...args]) => Array.from(new Function(code + 'return sampled;')()(...args))",
        [static_text("sampling.js"), logits.tolist(), seen, {name: getattr(settings, name) for name in FIELDS}],
    )
    page.close()
    theirs = adjust(logits[None], torch.tensor([seen]), settings).softmax(-1)[0]
    assert torch.equal(torch.tensor(ours) > 0, theirs > 0)
    torch.testing.assert_close(torch.tensor(ours, dtype=torch.float32), theirs, atol=1e-6, rtol=1e-4)


def test_a_word_shows_what_else_it_could_have_been_and_the_story_branches(opened: Watched) -> None:
    story = write(opened)
    before, place = text_of(story), 9
    word = story.locator(f".slm-word[data-place='{place}']")
    word.click()
    panel = opened.part("write-else").locator(".slm-else")
    expect(panel).to_contain_text("What else could stand here?", timeout=SLOW_MS)
    expect(panel).to_be_focused()
    expect(word).to_have_class(re.compile("slm-word-chosen"))
    rows = panel.locator("[data-token]")
    assert rows.count() in (10, 11)
    chosen = panel.locator("[aria-current=true]")
    expect(chosen).to_have_count(1)
    rank = int(re.search(r"guess number (\d+)", word.get_attribute("title") or "").group(1))  # type: ignore[union-attr]
    expect(panel).to_contain_text(f"guess number {rank},")
    expect(rows.nth(rank - 1 if rank <= 10 else 10)).to_have_attribute("aria-current", "true")
    expect(panel).to_contain_text("temperature 0.9, top-p 0.95")

    panel.locator("[data-token]:not([aria-current])").nth(1).click()
    expect(story.locator(".slm-versions button")).to_have_count(2, timeout=SLOW_MS)
    expect(opened.part("write-go")).to_be_enabled(timeout=SLOW_MS)
    expect(opened.part("write-else")).to_be_empty()
    branch = story.locator(".slm-branch")
    expect(branch).to_have_attribute("data-place", str(place), timeout=SLOW_MS)
    kept = "".join(story.locator(".slm-prompt").all_inner_texts())
    assert text_of(story).startswith(kept)
    words = story.locator(".slm-word")
    assert words.count() > place and text_of(story) != before
    same = next(at for at, (a, b) in enumerate(zip(before, text_of(story), strict=False)) if a != b)
    assert same >= len(kept) + 2 * place // 3, "what stood before the word is kept"
    expect(story).to_contain_text(f"seed 7 \u00b7 from token {place + 1} on")

    story.get_by_role("button", name="the first").click()
    expect(story.locator(".slm-branch")).to_have_count(0)
    assert text_of(story) == before
    story.locator(".slm-versions button").nth(1).click()
    expect(story.locator(".slm-branch")).to_have_count(1)


def test_words_are_chosen_with_the_keyboard(opened: Watched) -> None:
    story, panel = write(opened), opened.part("write-else").locator(".slm-else")
    words = story.locator(".slm-word")
    assert [words.nth(at).get_attribute("tabindex") for at in range(3)] == ["0", "-1", "-1"]
    words.first.focus()
    opened.page.keyboard.press("ArrowRight")
    opened.page.keyboard.press("ArrowRight")
    expect(words.nth(2)).to_be_focused()
    opened.page.keyboard.press("Enter")
    expect(panel).to_be_focused(timeout=SLOW_MS)
    place = int(panel.get_attribute("data-place") or -1)
    opened.page.get_by_label("The next token").press("Enter")
    expect(panel).to_have_attribute("data-place", str(place + 1), timeout=SLOW_MS)
    expect(opened.page.get_by_label("The next token")).to_be_focused()
    opened.page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(story.locator(".slm-word:focus")).to_have_count(1)
    assert int(story.locator(".slm-word:focus").get_attribute("data-place") or -1) in (place, place + 1)
    opened.page.keyboard.press("End")
    opened.page.keyboard.press("Enter")  # the mark after the last word: what would come next
    expect(panel).to_contain_text(re.compile("broke off|ended the story"), timeout=SLOW_MS)


def test_a_story_that_broke_off_goes_on_where_a_word_is_chosen(opened: Watched) -> None:
    story, panel = write(opened, tokens=11), opened.part("write-else").locator(".slm-else")
    before = text_of(story).removesuffix("\u2026").rstrip()
    story.locator(".slm-word").last.click()
    panel.locator("[data-token]").first.click(timeout=SLOW_MS)
    expect(story).to_contain_text(re.compile("22 tokens|23 tokens|the end"), timeout=SLOW_MS)
    assert text_of(story).startswith(before)


def test_surprise_is_marked_by_guess_and_by_probability(opened: Watched) -> None:
    story, how = write(opened), opened.part("write-surprise")
    titles = [word.get_attribute("title") or "" for word in story.locator(".slm-word").all()]
    told = [re.fullmatch(r"guess number ([\d,]+), (?:< )?[\d.]+ % likely", title) for title in titles]
    assert sum(match is not None for match in told) >= 20
    marked = story.locator(".slm-rank-3, .slm-rank-4").first

    def ground() -> str:
        return marked.evaluate("word => getComputedStyle(word).backgroundColor")

    plain, legend = ground(), story.locator(".slm-surprise-legend")
    expect(legend.locator("visible=true")).to_have_count(0)
    how.get_by_label("By guess").check()
    expect(legend.filter(has_text="2nd or 3rd")).to_be_visible()
    assert ground() != plain
    assert marked.evaluate("word => getComputedStyle(word).borderBottomStyle") in ("solid", "double")
    how.get_by_label("By probability").check()
    expect(legend.filter(has_text="50 % or more")).to_be_visible()
    expect(legend.filter(has_text="2nd or 3rd")).to_be_hidden()
    how.get_by_label("Off").check()
    expect(legend.locator("visible=true")).to_have_count(0)
    assert ground() == plain


def test_sliders_move_the_next_word_bars_without_the_server(opened: Watched, server: Server) -> None:
    opened.choose("write-model", "first")
    prompt = "Once upon a time there was"
    opened.fill("write-prompt", prompt)
    bars = opened.part("write-next")
    expect(bars.locator("q")).to_have_text(prompt, timeout=SLOW_MS)
    asked: list[dict] = []
    opened.page.on("request", lambda r: asked.append(r.post_data_json) if r.method == "POST" else None)
    sliders = opened.page.evaluate(
        "ids => window.gradio_config.components.filter((c) => ids.includes(c.props.elem_id)).map((c) => c.id)",
        ["write-temperature", "write-top-k", "write-top-p"],
    )
    assert len(sliders) == 3
    lm = Session(server.home / "checkpoints", server.home / "data").language_model("first")

    def widths(which: str) -> list[float]:
        return bars.locator(which).evaluate_all("bars => bars.map((bar) => parseFloat(bar.style.width))")

    def expect_bars(**settings: float | None) -> list[float]:
        rows = lm.next_token(prompt, **settings)
        likely = [row[3] for row in rows]
        expect(bars.locator("li").first).to_contain_text(shown(likely[0]))
        assert widths(".slm-after") == pytest.approx([100 * share for share in likely], abs=0.2)
        assert widths(".slm-track i:first-child") == pytest.approx([100 * row[2] for row in rows], abs=0.2)
        return likely

    likely = [expect_bars()]
    for elem_id, value, settings in [
        ("write-temperature", "0.2", {"temperature": 0.2}),
        ("write-temperature", "1.5", {"temperature": 1.5}),
        ("write-top-k", "4", {"temperature": 1.5, "top_k": 4}),
        ("write-top-p", "0.5", {"temperature": 1.5, "top_k": 4, "top_p": 0.5}),
    ]:
        opened.part(elem_id).locator("input[type=range]").fill(value)
        likely.append(expect_bars(**settings))
    assert len({round(shares[0], 6) for shares in likely}) == len(likely)
    assert [request for request in asked if request["trigger_id"] in sliders] == []
    opened.fill("write-seed", "7")
    opened.part("write-go").click()  # what the page does ask the server is seen here
    expect(opened.part("write-story")).to_contain_text("tokens/s", timeout=SLOW_MS)
    assert any("trigger_id" in request for request in asked)


def shown(prob: float) -> str:
    return "0 %" if prob == 0 else f"{100 * prob:.{1 if prob < 0.0995 else 0}f} %"


def test_the_bars_follow_the_story(opened: Watched) -> None:
    story = write(opened, tokens=9)
    opened.part("write-next-after").get_by_label("the story").check()
    last = text_of(story).removesuffix("\u2026").removesuffix("\u2767").rstrip()[-12:]
    expect(opened.part("write-next").locator("q")).to_contain_text(last, timeout=SLOW_MS)


def test_two_settings_stand_side_by_side_with_one_seed(opened: Watched) -> None:
    opened.part("write-several").get_by_role("button").first.click()
    opened.fill("write-other-temperature", "1.7")
    expect(opened.part("write-other-settings").locator("input")).to_be_checked()
    story = write(opened, temperature="0.3")
    stories = story.locator("article")
    expect(stories).to_have_count(2)
    expect(stories.nth(0).locator("h4")).to_have_text("temperature 0.3")
    expect(stories.nth(1).locator("h4")).to_have_text("temperature 1.7")
    for one in stories.all():
        expect(one).to_contain_text("seed 7")
    assert text_of(stories.nth(0)) != text_of(stories.nth(1))
    stories.nth(1).locator(".slm-word").nth(3).click()
    expect(opened.part("write-else")).to_contain_text("temperature 1.7, top-p 0.95", timeout=SLOW_MS)


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("", "tokens/s"),
        ("   ", "Your text was only spaces"),
        ("\U0001f436\U0001f469\u200d\U0001f680", "tokens/s"),
        ("Once upon a time ", "The space at the end of your text was left out"),
        ("a big day " * 60, "the model sees 64 at once"),
        ("<img src=x onerror=alert(1)> ${1} {{value}}", "tokens/s"),
    ],
    ids=["empty", "spaces", "emoji", "space at the end", "long", "markup"],
)
def test_any_prompt_gives_a_story_whose_words_can_be_chosen(opened: Watched, prompt: str, says: str) -> None:
    story = write(opened, tokens=90, prompt=prompt)  # more than the context of 64
    expect(story).to_contain_text(says)
    assert text_of(story).startswith(prompt.strip())
    story.locator(".slm-word").nth(-2).click()
    panel = opened.part("write-else")
    expect(panel.locator("[aria-current=true]")).to_have_count(1, timeout=SLOW_MS)
    panel.locator("[data-token]").nth(3).click()
    expect(story.locator(".slm-versions button")).to_have_count(2, timeout=SLOW_MS)
    expect(opened.part("write-go")).to_be_enabled(timeout=SLOW_MS)
    assert opened.page.locator("#write-story img, #write-else img, #write-next img").count() == 0
