"""Answers that come late, in a real browser: what a person chose while one was on its way stays chosen."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("gradio")
from playwright.sync_api import Browser, Page, expect

from demo.tabs import data, runs, train, write
from slm.checkpoint import save
from slm.runs import EventLog, write_json
from tests.demo.browsing import SLOW_MS, Asking, choose
from tests.demo.curves import events
from tests.demo.test_browser_queue import ClassPage
from tests.engine import random_lm
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.browser
SOON_S = 60.0  # a page asks what is new every few seconds
# Whether the page counts as looked at, its age, and of its last questions when they began, their lengths and answers.
ASKED_JS = """() => [document.visibilityState, performance.now(), performance.getEntriesByType("resource")
  .filter((entry) => entry.name.includes("slm/")).slice(-4)
  .map((entry) => [entry.name.slice(-60), entry.startTime, entry.duration, entry.responseStatus])]"""


class Late:
    """An answer that is held back, once, in a function that its handler calls, until the test lets it go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
        self._asked, self._may_go, self._armed = threading.Event(), threading.Event(), False
        whole = getattr(module, name)

        def held(*args: Any, **options: Any) -> Any:
            if self._armed:
                self._armed = False
                self._asked.set()
                assert self._may_go.wait(PATIENCE_S)
            return whole(*args, **options)

        monkeypatch.setattr(module, name, held)

    def arm(self) -> None:
        self._armed = True

    def wait_until_asked(self, page: Page) -> None:
        deadline = time.monotonic() + SOON_S
        while not self._asked.is_set():
            page.wait_for_timeout(100)
            assert time.monotonic() < deadline, f"the page does not ask: {page.evaluate(ASKED_JS)}"

    def comes(self, page: Page) -> None:
        """Let the answer go, and give the page time to take it."""
        with page.expect_response(lambda answer: "run/predict" in answer.url, timeout=SLOW_MS):
            self.goes()
        page.wait_for_timeout(1500)

    def goes(self) -> None:
        self._may_go.set()


@pytest.fixture
def class_page(tmp_path: Path) -> Iterator[ClassPage]:
    lm = random_lm("gpt2", seed=1)
    save(tmp_path / "checkpoints/other", lm.model, lm.tokenizer, about={"step": 5})
    served = ClassPage(tmp_path)
    yield served
    served.close()


def open_page(browser: Browser, url: str) -> tuple[Page, Asking]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(SLOW_MS)
    asking = Asking(page)
    page.goto(url)
    return page, asking


def open_data(browser: Browser, url: str) -> Page:
    """The page with its Data tab painted: whatever it asks now is about what is new."""
    page, asking = open_page(browser, url)
    with page.expect_response(lambda reply: "slm/preparing" in reply.url and reply.status == 204, timeout=SLOW_MS):
        page.get_by_role("tab", name="Data", exact=True).click()
    expect(page.locator("#data-manifest h3")).to_have_text("first", timeout=SLOW_MS)
    asking.settles()
    return page


def make_set(session: Any, name: str, *, created: float) -> None:
    counts = {"stories": 1, "tokens": 7, "bytes": 28}
    write_json(session.data / name / "preview.json", [f"The story of {name}."])
    manifest = {"name": name, "fingerprint": name, "created": created, "vocab_size": 512, "train": counts}
    write_json(session.data / name / "manifest.json", manifest)


def test_a_data_set_chosen_while_the_tab_is_painted_stays(
    browser: Browser, class_page: ClassPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = class_page.session
    for created, name in enumerate(("second", "first"), 1):
        make_set(session, name, created=float(created))
    late = Late(monkeypatch, data, "compact_counts")
    page = open_data(browser, class_page.url)
    shown, preview = page.locator("#data-manifest h3"), page.locator("#data-preview")
    late.arm()
    make_set(session, "made", created=3.0)
    job = session.data / ".jobs/made"
    write_json(job / "job.json", {})
    write_json(job / "progress.json", {"stage": "done", "done": 1, "total": 1, "elapsed_s": 1.0})
    late.wait_until_asked(page)
    choose(page, "data-sets", "^second ")
    expect(shown).to_have_text("second", timeout=SLOW_MS)
    late.comes(page)
    assert shown.inner_text() == "second" and "The story of second." in preview.inner_text()
    expect(page.locator("#data-sets input")).to_have_value(re.compile("^second "))
    choose(page, "data-sets", "^made ")  # the answer has come: it is in the list
    expect(preview).to_contain_text("The story of made.", timeout=SLOW_MS)
    page.close()


def test_a_new_data_set_is_shown_to_who_chose_nothing_meanwhile(browser: Browser, class_page: ClassPage) -> None:
    session = class_page.session
    make_set(session, "first", created=1.0)
    page = open_data(browser, class_page.url)
    make_set(session, "made", created=2.0)
    job = session.data / ".jobs/made"
    write_json(job / "job.json", {})
    write_json(job / "progress.json", {"stage": "done", "done": 1, "total": 1, "elapsed_s": 1.0})
    expect(page.locator("#data-manifest h3")).to_have_text("made", timeout=1000 * SOON_S)
    expect(page.locator("#data-sets input")).to_have_value(re.compile("^made "))
    choose(page, "data-sets", "^first ")
    expect(page.locator("#data-preview")).to_contain_text("The story of first.", timeout=SLOW_MS)
    make_set(session, "another", created=3.0)
    page.wait_for_timeout(4000)  # painted meanwhile, once at least
    expect(page.locator("#data-manifest h3")).to_have_text("first")
    page.close()


def test_the_chosen_data_set_stays_when_the_tab_is_opened_again(browser: Browser, class_page: ClassPage) -> None:
    session = class_page.session
    for created, name in enumerate(("other", "first"), 1):
        make_set(session, name, created=float(created))
        job = session.data / ".jobs" / name
        write_json(job / "job.json", {})
        write_json(job / "progress.json", {"stage": "done", "done": 1, "total": 1, "elapsed_s": 1.0})
    page = open_data(browser, class_page.url)
    choose(page, "data-sets", "^other ")
    expect(page.locator("#data-preview")).to_contain_text("The story of other.", timeout=SLOW_MS)
    page.get_by_role("tab", name="Train", exact=True).click()
    with page.expect_response(lambda reply: "slm/preparing" in reply.url and reply.status == 204, timeout=SLOW_MS):
        page.get_by_role("tab", name="Data", exact=True).click()
    page.wait_for_timeout(1500)
    expect(page.locator("#data-manifest h3")).to_have_text("other")
    expect(page.locator("#data-sets input")).to_have_value(re.compile("^other "))
    page.close()


def test_a_model_chosen_before_the_page_is_painted_stays(
    browser: Browser, class_page: ClassPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    (chosen,) = {"small", "other"} - {class_page.session.default_model()}
    late = Late(monkeypatch, write, "offer")
    late.arm()
    page, _ = open_page(browser, class_page.url)
    late.wait_until_asked(page)
    choose(page, "write-model", f"^{chosen} ")
    expect(page.locator("#write-model input")).to_have_value(re.compile(f"^{chosen} "), timeout=SLOW_MS)
    late.comes(page)
    expect(page.locator("#write-model input")).to_have_value(re.compile(f"^{chosen} "))
    expect(page.locator("#write-next li").first).to_be_visible(timeout=SLOW_MS)
    page.close()


def test_a_mistake_made_while_the_form_is_explained_stays_told(
    browser: Browser, class_page: ClassPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = Late(monkeypatch, train, "size")
    page, asking = open_page(browser, class_page.url)
    asking.settles()
    late.arm()
    page.get_by_role("tab", name="Train", exact=True).click()
    late.wait_until_asked(page)
    page.wait_for_timeout(1000)  # gradio sets the fields of an opened tab once more
    page.locator("#train-minutes input").fill("0")
    told = page.locator("#train-size .slm-note")
    expect(told).to_contain_text("There is no end", timeout=SLOW_MS)
    late.comes(page)
    expect(told).to_contain_text("There is no end", timeout=SLOW_MS)
    page.close()


def test_what_is_foretold_last_is_foretold_of_the_last_settings(
    browser: Browser, class_page: ClassPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = Late(monkeypatch, train, "_foretold")
    page, asking = open_page(browser, class_page.url)
    asking.settles()
    page.get_by_role("tab", name="Train", exact=True).click()
    page.get_by_role("button", name="The same from the command line").click()
    command = page.locator("#train-command")
    expect(command).to_contain_text("--minutes 5", timeout=SLOW_MS)
    asking.settles()
    late.arm()
    minutes = page.locator("#train-minutes input")
    minutes.fill("7")
    late.wait_until_asked(page)
    minutes.fill("20")
    expect(command).to_contain_text("--minutes 20", timeout=SLOW_MS)
    late.goes()
    page.wait_for_timeout(3000)  # the answer about 7 minutes comes, and then that about 20
    expect(command).to_contain_text("--minutes 20", timeout=SLOW_MS)
    page.close()


def make_run(session: Any, name: str, *, steps: int, created: float) -> Path:
    folder = session.checkpoints / name
    write_json(folder / "run.json", {"run": name, "created": created, "preset": "golden", "data": "tiny", "train": {}})
    with EventLog(folder / "events.jsonl") as log:
        for event in events(steps):
            log.append(**event)
    return folder


def test_a_run_chosen_while_the_table_is_painted_keeps_its_curve(
    browser: Browser, class_page: ClassPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = class_page.session
    for created, (name, steps) in enumerate((("short", 60), ("long", 900)), 1):
        make_run(session, name, steps=steps, created=float(created))
    late = Late(monkeypatch, runs, "further_stages")
    page, asking = open_page(browser, class_page.url)
    asking.settles()
    page.get_by_role("tab", name="Runs", exact=True).click()
    last_step = page.locator("#runs-chart .slm-chart-grid text[text-anchor=middle]").last
    expect(last_step).to_have_text("900", timeout=SLOW_MS)
    asking.settles()
    late.arm()
    make_run(session, "another", steps=5, created=3.0)
    late.wait_until_asked(page)
    choose(page, "runs-run", "^short$")
    expect(last_step).to_have_text("60", timeout=SLOW_MS)
    late.comes(page)
    page.wait_for_timeout(5000)  # it has asked what is new meanwhile
    expect(last_step).to_have_text("60", timeout=SLOW_MS)
    expect(page.locator("#runs-differences")).not_to_contain_text("long")
    page.close()
