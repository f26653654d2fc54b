"""More settings in a real browser: as many columns as there is room for, and what is wrong in sight of the fields."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("gradio")
from playwright.sync_api import Browser, Request, expect

from demo.forms import GROUPS, form_fields
from tests.demo.browsing import SLOW_MS, Asking, Server, Watched

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "columns"), [(1440, 3), (390, 1)])
def test_groups_stand_side_by_side_and_a_mistake_is_seen(
    browser: Browser, server: Server, width: int, columns: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    asking = Asking(page)
    page.goto(server.url)
    # A tab chosen before the page is painted opens, but nothing that belongs to its opening happens.
    expect(page.locator("#write-model input")).not_to_have_value("", timeout=SLOW_MS)
    page.get_by_role("tab", name="Train", exact=True).click(timeout=SLOW_MS)
    page.get_by_role("button", name="More settings").locator("visible=true").click()
    groups = page.locator(".slm-group")
    expect(groups.first).to_be_visible(timeout=SLOW_MS)
    expect(groups).to_have_count(len(GROUPS))
    lefts = "[...document.querySelectorAll('.slm-group')].map((group) => Math.round(group.getBoundingClientRect().x))"
    page.wait_for_function(f"columns => new Set({lefts}).size === columns", arg=columns, timeout=SLOW_MS)
    page.wait_for_function("document.documentElement.scrollWidth <= window.innerWidth", timeout=SLOW_MS)

    # The page has explained its first settings, and measured the machine for them: no late answer of that comes now.
    expect(page.locator("#train-forecast")).to_contain_text("Measured on this machine", timeout=SLOW_MS)
    asking.settles()
    page.locator("#train-n-head input").fill("7")
    page.locator("#train-n-head input").press("Tab")
    said = page.locator("#train-mistake .slm-note")
    expect(said).to_contain_text("not divisible", timeout=SLOW_MS)
    expect(said).to_be_in_viewport()
    page.close()


def test_the_machine_is_measured_when_train_is_opened(opened: Watched) -> None:
    """And not with the page, which may begin to write a story meanwhile."""
    asked: list[int] = []  # how many values went with each question that waits for its turn

    def note(request: Request) -> None:
        if "queue/join" in request.url:
            asked.append(len(json.loads(request.post_data or "{}").get("data", [])))

    opened.page.on("request", note)
    opened.reload()
    opened.page.wait_for_timeout(1000)
    assert max(asked, default=0) < len(form_fields())
    opened.tab("Train")
    expect(opened.part("train-forecast")).to_contain_text("Measured on this machine", timeout=SLOW_MS)
    assert max(asked) > len(form_fields())
