"""Who asks for more while a story is written, in a real browser: nobody's story ends by another's.

The stories wait for the test, as in tests/demo/test_browser_queue.py.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("gradio")
from playwright.sync_api import Browser, expect

from slm.generate import LanguageModel, Written
from tests.demo.browsing import SLOW_MS
from tests.demo.test_browser_queue import TOLD, ClassPage, Writer

pytestmark = pytest.mark.browser
OTHER_TEMPERATURE = 1.7


@pytest.fixture
def class_page(tmp_path: Path) -> Iterator[ClassPage]:
    served = ClassPage(tmp_path)
    yield served
    served.close()


def test_a_story_asked_for_while_one_is_written_takes_its_place_and_can_be_stopped(
    browser: Browser, class_page: ClassPage
) -> None:
    writer = Writer(browser, class_page.url, 1)
    go, stop = writer.part("write-go"), writer.part("write-stop")
    writer.press_write()
    writer.begins()
    writer.seed = 2
    writer.fill("write-seed", "2")
    writer.part("write-prompt").locator("textarea").press("Shift+Enter")
    writer.begins()
    with writer.page.expect_response(lambda answer: "run/predict" in answer.url, timeout=SLOW_MS):
        class_page.held.let_go(1)  # the older one ends, and asks for its buttons
    with writer.page.expect_response(lambda answer: "run/predict" in answer.url, timeout=SLOW_MS):
        stop.click()
    expect(go).to_be_disabled()
    class_page.held.let_go(2)
    expect(writer.story).to_contain_text(re.compile("seed 2 .*stopped by you"), timeout=SLOW_MS)
    expect(go).to_be_enabled(timeout=SLOW_MS)
    expect(stop).to_be_disabled()
    writer.page.close()
    assert writer.complaints == []


def test_a_finished_story_branches_only_when_the_one_beside_it_is_finished_too(
    browser: Browser, class_page: ClassPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end = threading.Event()
    class_page.held.let_go(1)
    held = LanguageModel.write_many

    def write_many(lm: LanguageModel, *args: Any, temperature: float, **options: Any) -> Iterator[Any]:
        yield from held(lm, *args, temperature=temperature, **options)
        while temperature == OTHER_TEMPERATURE and not may_end.wait(0.5):
            yield [Written(None, "")]

    monkeypatch.setattr(LanguageModel, "write_many", write_many)
    writer = Writer(browser, class_page.url, 1)
    writer.part("write-several").get_by_role("button").first.click()
    writer.fill("write-other-temperature", str(OTHER_TEMPERATURE))
    writer.press_write()
    left, right = (writer.story.locator("article").nth(column) for column in (0, 1))
    expect(left).to_have_attribute("aria-busy", "false", timeout=SLOW_MS)
    expect(right).to_have_attribute("aria-busy", "true")
    left.locator(".slm-word").nth(2).click()
    others = writer.part("write-else").locator("[data-token]:not([aria-current])")
    others.first.click(timeout=SLOW_MS)
    refused = writer.page.get_by_text("A story is still being written; stop it first.")
    expect(refused.first).to_be_visible(timeout=SLOW_MS)
    expect(right).to_have_attribute("aria-busy", "true")
    may_end.set()
    expect(right).to_have_attribute("aria-busy", "false", timeout=SLOW_MS)
    expect(right).to_contain_text(TOLD)
    expect(right).not_to_contain_text("stopped by you")
    expect(writer.part("write-go")).to_be_enabled(timeout=SLOW_MS)
    others.first.click()
    expect(left.locator(".slm-versions button")).to_have_count(2, timeout=SLOW_MS)
    expect(writer.part("write-go")).to_be_enabled(timeout=SLOW_MS)
    writer.page.close()
    assert writer.complaints == []
