"""The page for everybody, in a real browser: without a network, from the last row, by keyboard and ear, ten at once."""

from __future__ import annotations

import re
import urllib.parse
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("gradio")
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.demo.browsing import SLOW_MS, TABS, Server, Watched, fits

pytestmark = pytest.mark.browser
MANY = 10
NAME = """node => {
  const named = node.getAttribute("aria-label") || node.title || node.innerText || node.placeholder || node.alt || "";
  const by = (node.getAttribute("aria-labelledby") || "").split(" ").map((id) => document.getElementById(id)?.innerText || "").join(" ");
  const label = node.labels ? [...node.labels].map((l) => l.innerText).join(" ") : "";
  return (named + by + label + (node.closest("label, fieldset")?.innerText || "")).trim();
}"""  # noqa: E501
RING = """node => {
  const seen = (n) => { const s = getComputedStyle(n); return s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0
    || s.boxShadow !== "none"; };
  return seen(node) || [node.parentElement, node.parentElement?.parentElement, node.nextElementSibling].some((n) => n && seen(n))
    || getComputedStyle(node).borderColor === getComputedStyle(document.body).getPropertyValue("--color-accent");
}"""  # noqa: E501


def context_of(browser: Browser, **options: Any) -> BrowserContext:
    """A browser of its own that has patience with a busy machine."""
    context = browser.new_context(**options)
    context.set_default_timeout(SLOW_MS)
    return context


def test_with_the_network_cut_nothing_is_missing(browser: Browser, server: Server) -> None:
    context = context_of(browser)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.goto(server.url)
    expect(page.locator("#write-go")).to_be_visible(timeout=SLOW_MS)
    for name in TABS:
        page.get_by_role("tab", name=name, exact=True).click()
        page.wait_for_timeout(1000)
    context.close()
    elsewhere = {url for url in asked if not url.startswith(("data:", "blob:"))}
    hosts = {urllib.parse.urlsplit(url).hostname for url in elsewhere}
    assert len(asked) > 20 and hosts == {"127.0.0.1"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_people_out(browser: Browser, server: Server, scheme: str) -> None:
    """What axe-core finds in each tab: unlabelled fields, faint letters, parts that a keyboard cannot reach."""
    package = find_spec("axe_playwright_python")
    if package is None or package.origin is None:
        pytest.skip("axe-playwright-python, which carries axe-core, is not installed")
    context = context_of(browser, color_scheme=scheme, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(server.url)
    expect(page.locator("#write-go")).to_be_visible(timeout=SLOW_MS)
    page.evaluate((Path(package.origin).parent / "axe.min.js").read_text(encoding="utf-8"))
    found = []
    for name, part in TABS.items():
        page.get_by_role("tab", name=name, exact=True).click()
        expect(page.locator(f"#{part}")).to_be_visible()
        found += violations(page, name)
    context.close()
    assert found == []


def violations(page: Page, name: str) -> list[str]:
    """What axe-core finds in this tab and goes on finding: what is half drawn may look like anything."""
    found: list[str] = []
    for _ in range(5):
        page.wait_for_timeout(1500)
        seen = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        nodes = [(kind["id"], node) for kind in seen for node in kind["nodes"]]
        found = [f"{name}: {kind} {node['target']} {node['html'][:120]}" for kind, node in nodes]
        if not found:
            break
    return found


def test_a_keyboard_reaches_every_control_and_shows_where_it_is(opened: Watched) -> None:
    page = opened.page
    page.locator(".slm-projector-button").focus()
    reached: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        here = page.evaluate_handle("document.activeElement").as_element()
        assert here is not None
        name = here.evaluate(NAME)
        assert name, here.evaluate("node => node.outerHTML.slice(0, 200)")
        assert here.evaluate(RING), here.evaluate("node => node.outerHTML.slice(0, 200)")
        reached.append(name)
        if here.evaluate("node => node.id || node.closest('[id]')?.id") == "write-go":
            break
    said = " ".join(reached)
    assert "Model" in said and "How the story begins" in said and reached[-1].startswith("Write")
    page.get_by_role("tab", name="Train", exact=True).focus()
    page.keyboard.press("Enter")
    expect(opened.part("train-start")).to_be_visible(timeout=SLOW_MS)


def test_projector_mode_is_larger_and_remembered(opened: Watched) -> None:
    page, button = opened.page, opened.page.get_by_role("button", name="Projector")
    opened.tab("Train")

    def letters(selector: str) -> float:
        # A button's letters grow for a moment until they have their size.
        page.wait_for_function("!document.getAnimations().some((one) => one instanceof CSSTransition)", timeout=SLOW_MS)
        return page.locator(selector).first.evaluate("node => parseFloat(getComputedStyle(node).fontSize)")

    parts = ("#train-status h3", "#train-minutes input", "#train-start")
    usual = [letters(part) for part in parts]
    soft = page.locator(".slm-advice").evaluate("node => getComputedStyle(node).color")
    button.click()
    assert [letters(part) / before for part, before in zip(parts, usual, strict=True)] == pytest.approx([22 / 16] * 3)
    assert page.locator(".slm-advice").evaluate("node => getComputedStyle(node).color") != soft
    page.reload()
    expect(button).to_have_attribute("aria-pressed", "true", timeout=SLOW_MS)
    for name, part in TABS.items():
        opened.tab(name)
        fits(page, part)
    button.click()
    opened.tab("Train")
    assert [letters(part) for part in parts] == usual


def test_a_screen_reader_hears_that_a_story_stands_but_not_its_words(opened: Watched) -> None:
    page = opened.page
    page.evaluate("""() => {
      window.heard = [];
      const note = () => window.heard.push(document.querySelector(".slm-says").textContent);
      new MutationObserver(note).observe(document.querySelector(".slm-says"), { childList: true });
    }""")
    opened.fill("write-max-tokens", "40")
    opened.part("write-go").click()
    expect(page.locator(".slm-says")).to_have_text("The story is written.", timeout=SLOW_MS)
    assert page.evaluate("window.heard.length") <= 8
    assert page.locator("#write-story [aria-live]").count() == 0


def test_whoever_wants_no_motion_has_none(browser: Browser, server: Server) -> None:
    context = context_of(browser, reduced_motion="reduce")
    page = context.new_page()
    page.goto(server.url)
    expect(page.locator("#write-go")).to_be_visible(timeout=SLOW_MS)
    # Gradio moves some parts by itself while it puts the page together, and a slow machine is long at that.
    page.wait_for_function("""() => [...document.querySelectorAll(".gradio-container *")].every((node) => {
      const style = getComputedStyle(node);
      return [...style.transitionDuration.split(","), ...style.animationDuration.split(",")].every((s) => parseFloat(s) <= 0.001);
    })""")  # noqa: E501
    context.close()


@pytest.mark.slow
def test_ten_tabs_of_one_browser_all_answer(browser: Browser, server: Server) -> None:
    """A browser opens six connections to a host: an open stream for each tab would keep the seventh waiting."""
    context = context_of(browser)
    pages: list[Page] = [context.new_page() for _ in range(MANY)]
    for page in pages:
        page.goto(server.url, wait_until="commit")
    for page in pages:
        page.bring_to_front()
        expect(page.locator("#write-go")).to_be_enabled(timeout=SLOW_MS)
        page.locator("#write-max-tokens input").first.fill("12")
    for page in pages:
        page.locator("#write-go").click()
    for page in pages:
        page.bring_to_front()
        expect(page.locator("#write-story")).to_contain_text(re.compile("12 tokens|the end"), timeout=2 * SLOW_MS)
    for page in pages:  # all idle now: what one asks is answered, and not only when another closes
        page.bring_to_front()
        page.get_by_role("tab", name="Train", exact=True).click()
        with page.expect_response(re.compile("slm/watch")) as answer:
            pass
        assert answer.value.status in (200, 204)
    context.close()
