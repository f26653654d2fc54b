"""What a screen reader is told of a story, by the page's head: that it begins, and that it stands."""

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
