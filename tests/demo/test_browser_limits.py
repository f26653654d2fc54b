"""Who asks too often, in a real browser: one sentence where the person looks, and what the page showed stays there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("gradio")
from playwright.sync_api import Browser, expect

from demo.rights import CLASS_PAGE, WORK, Pace
from tests.demo.browsing import SLOW_MS
from tests.demo.test_browser_queue import ClassPage, Writer

pytestmark = pytest.mark.browser
SEED = 1


@pytest.fixture
def class_page(tmp_path: Path) -> Iterator[ClassPage]:
    """A class's page in a minute that does not end, however slow the machine is."""
    served = ClassPage(tmp_path)
    served.held.let_go(SEED)
    served.session.paces.update({work: Pace(most, clock=lambda: 0.0) for work, most in CLASS_PAGE.a_minute.items()})
    yield served
    served.close()


def use_up(class_page: ClassPage, work: str) -> str:
    """Let this machine have asked for it as often as it may; the sentence that it is told from now on."""
    most = CLASS_PAGE.a_minute[work]
    for _ in range(most):
        class_page.session.paces[work].count("127.0.0.1")
    return f"You asked for {WORK[work]} {most} times within a minute; wait 60 seconds."


def expect_notice(writer: Writer, says: str) -> None:
    """A notice with this sentence, which is closed again."""
    notice = writer.page.locator(".toast-body", has_text=says)
    expect(notice.first).to_be_visible(timeout=SLOW_MS)
    writer.page.locator(".toast-close").first.click()
    expect(notice).to_have_count(0, timeout=SLOW_MS)


def test_who_writes_too_often_is_told_and_keeps_the_story(browser: Browser, class_page: ClassPage) -> None:
    writer = Writer(browser, class_page.url, SEED)
    writer.press_write()
    writer.is_told()
    before = writer.story.inner_text()
    writer.story.locator(".slm-word").nth(2).click()
    others = writer.part("write-else").locator("[data-token]:not([aria-current])")
    expect(others.first).to_be_visible(timeout=SLOW_MS)

    says = use_up(class_page, "story")
    others.first.click()
    expect_notice(writer, says)
    expect(writer.part("write-go")).to_be_enabled(timeout=SLOW_MS)
    assert writer.story.inner_text() == before

    says = use_up(class_page, "word")
    writer.story.locator(".slm-word").nth(3).click()
    expect_notice(writer, says)
    expect(writer.part("write-else")).to_be_empty()
    assert writer.story.inner_text() == before
    writer.fill("write-prompt", "Once there was a bear")
    expect(writer.part("write-next").locator(".slm-next-why")).to_have_text(says, timeout=SLOW_MS)
    writer.fill("write-temperature", "0.5")  # the settings move no bars now, and break nothing
    expect(writer.part("write-next").locator(".slm-next-why")).to_have_text(says)

    says = use_up(class_page, "view")
    writer.part("write-did-it-copy").click()
    expect(writer.part("write-copied")).to_have_text(says, timeout=SLOW_MS)
    assert writer.story.inner_text() == before
    writer.press_write()
    expect(writer.story).to_have_text(use_up(class_page, "story"), timeout=SLOW_MS)
    expect(writer.part("write-go")).to_be_enabled(timeout=SLOW_MS)
    writer.page.close()
    assert writer.complaints == []


def test_who_looks_too_often_is_told_and_keeps_the_pictures(browser: Browser, class_page: ClassPage) -> None:
    writer = Writer(browser, class_page.url, SEED)
    writer.tab("Inside")
    tokens = writer.part("inside-tokens")
    expect(tokens.locator(".slm-token").first).to_be_visible(timeout=SLOW_MS)
    before = tokens.inner_text()
    says = use_up(class_page, "view")
    writer.fill("inside-text", "Once there was a bear")
    writer.part("inside-go").click()
    expect_notice(writer, says)
    writer.fill("inside-word", "bear")
    writer.part("inside-find").click()
    expect_notice(writer, says)
    assert tokens.inner_text() == before

    writer.tab("Runs")
    expect(writer.part("runs-differences")).to_have_text(says, timeout=SLOW_MS)
    expect(writer.part("runs-table")).to_contain_text("small")  # from when the page was opened
    told = use_up(class_page, "story")
    writer.part("runs-tell").click()
    expect(writer.part("runs-story")).to_have_text(told, timeout=SLOW_MS)
    says = use_up(class_page, "file")
    writer.part("runs-export").click()
    expect_notice(writer, says)
    expect(writer.part("runs-file")).to_be_hidden()
    writer.page.close()
    assert writer.complaints == []


def test_an_exported_file_is_served_from_where_it_lies(browser: Browser, class_page: ClassPage) -> None:
    writer = Writer(browser, class_page.url, SEED)
    writer.tab("Runs")
    expect(writer.part("runs-run").locator("input")).to_have_value("small", timeout=SLOW_MS)
    writer.part("runs-export").click()
    link = writer.part("runs-file").locator("a[href]").first
    expect(link).to_be_visible(timeout=SLOW_MS)
    home = str(class_page.session.exports.home)
    assert home in (link.get_attribute("href") or "")
    with writer.page.expect_download() as download:
        link.click()
    (made,) = class_page.session.exports.home.glob("*/small.zip")
    assert Path(download.value.path()).read_bytes() == made.read_bytes()
    writer.page.close()
    assert writer.complaints == []
