"""What a screen reader is told by the page's head: that a story begins and stands, how a training goes and ends."""

from __future__ import annotations

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("gradio")
from playwright.sync_api import Browser

from demo.views.chart import static_text

pytestmark = pytest.mark.browser
LONG_MS = 60_000  # on the page's own clock
HEAD = '<div id="head"><button class="slm-projector-button"></button><p class="slm-says"></p></div>'
PAGE = f'{HEAD}<div id="write-story"></div>'


def test_a_story_that_waits_or_is_slow_is_not_called_written(browser: Browser) -> None:
    page = browser.new_page()
    page.clock.install()
    page.set_content(PAGE)
    page.evaluate("code => new Function('element', code)(document.querySelector('#head'))", static_text("header.js"))

    def says_after(story: str) -> str | None:
        page.evaluate("story => { document.querySelector('#write-story').innerHTML = story; }", story)
        page.clock.run_for(LONG_MS)
        return page.text_content(".slm-says")

    begun = '<article class="slm-story" aria-busy="{}">Once</article>'
    assert says_after(begun.format("true")) == "Writing."
    assert says_after(begun.format("false") + begun.format("true")) == "Writing."
    assert says_after(begun.format("false")) == "The story is written."
    assert says_after("<p>There is no model to write with yet.</p>") == "There is no model to write with yet."
    page.close()


def test_a_training_is_told_by_its_state_and_now_and_then(browser: Browser) -> None:
    page = browser.new_page()
    page.clock.install()
    page.set_content(f'{HEAD}<div id="train-status"><h3>Stopped at step 5</h3></div>')
    page.evaluate("code => new Function('element', code)(document.querySelector('#head'))", static_text("header.js"))

    def says_after(headline: str, ms: int = 1000) -> str | None:
        page.evaluate("text => { document.querySelector('#train-status').innerHTML = `<h3>${text}</h3>`; }", headline)
        page.clock.run_for(ms)
        return page.text_content(".slm-says")

    assert says_after("Stopped at step 5") == "", "nobody asked for what the page opens with"
    assert says_after("Learning: step 7, 2 min left") == "Learning: step 7, 2 min left"
    assert says_after("Learning: step 8, 2 min left", LONG_MS) == "Learning: step 7, 2 min left"
    assert says_after("Learning: step 90, 1 min left") == "Learning: step 90, 1 min left"
    assert says_after("Finished at step 99") == "Finished at step 99"
    page.close()
