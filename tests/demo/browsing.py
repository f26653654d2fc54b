"""The page in a real browser: a server of its own, and a page whose every complaint is kept."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import Browser, Locator, Page, Request, TimeoutError, expect

from slm import runs
from tests.waiting import PATIENCE_S, free_port

PROJECT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SLOW_MS = 120_000  # a training process imports torch first
REOPEN_MS = 15_000
LOOK_MS, QUIET_LOOKS = 100, 3
expect.set_options(timeout=SLOW_MS)  # what a machine does at once it does late when it is busy

CUT_OFF = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "ERR_INCOMPLETE_CHUNKED_ENCODING",
           "network error", "Failed to fetch", "AbortError", "Connection errored out")  # fmt: skip
# The tabs, and a part by which each is known to be there.
TABS = {"Write": "write-go", "Train": "train-start", "Inside": "inside-go", "Data": "data-prepare",
        "Runs": "runs-table"}  # fmt: skip


def environment(home: Path) -> dict[str, str]:
    places = {"SLM_CHECKPOINTS": str(home / "checkpoints"), "SLM_DATA": str(home / "data"), "OMP_NUM_THREADS": "1"}
    return {**os.environ, **places, "HF_HUB_OFFLINE": "1"}


def end_trainings(home: Path) -> None:
    """End what a test that failed left behind: trainings outlive whoever started them."""
    if holder := runs.training_holder(home / "checkpoints"):
        os.kill(holder["pid"], signal.SIGKILL)


class Server:
    """`python app.py` on a free port, with these further words."""

    program: tuple[str, ...] = ("app.py",)

    def __init__(self, home: Path, *words: str, **variables: str) -> None:
        self.home, self.words, self.variables = home, words, variables
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.start()

    def start(self) -> None:
        words = [sys.executable, *self.program, "--port", str(self.port), *self.words]
        self.process = subprocess.Popen(words, cwd=PROJECT, env={**environment(self.home), **self.variables})
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                urllib.request.urlopen(self.url, timeout=5).read()
                return
            except OSError:
                time.sleep(0.1)
        self.stop()
        raise AssertionError("the server did not answer")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE_S)


class Asking:
    """What a page has asked its server and not been answered yet, stories and other work of the queue left out."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._open: set[Request] = set()
        page.on("request", lambda request: self._open.add(request) if "run/predict" in request.url else None)
        for done in ("requestfinished", "requestfailed"):
            page.on(done, lambda request: self._open.discard(request))

    def settles(self) -> None:
        """Wait until every answer has come and the page has done with them.

        A page that was opened, or whose tab was, is painted in several steps. What is chosen between them is chosen on
        a page that is about to change, which is a test of its own (test_browser_late).
        """
        deadline, quiet = time.monotonic() + PATIENCE_S, 0
        while quiet < QUIET_LOOKS:
            self._page.wait_for_timeout(LOOK_MS)
            self._page.evaluate("() => new Promise((done) => requestIdleCallback(done, {timeout: 2000}))")
            quiet = 0 if self._open else quiet + 1
            assert time.monotonic() < deadline, f"the page asks without end: {[one.post_data for one in self._open]}"


class Watched:
    """A page of the browser, and everything that it should not have done."""

    def __init__(self, browser: Browser, url: str, width: int = 1280) -> None:
        self.page: Page = browser.new_page(viewport={"width": width, "height": 900})
        self.page.set_default_timeout(SLOW_MS)
        self.complaints: list[str] = []
        self.page.on("console", lambda m: self._note(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self._note(str(error)))
        self.asking = Asking(self.page)
        self.page.on("request", lambda r: None if r.url.startswith((url, "data:", "blob:")) else self._note(r.url))
        self.page.goto(url)
        expect(self.part("write-model").locator("input")).not_to_have_value("")
        self.asking.settles()

    def _note(self, complaint: str) -> None:
        # While the server restarts the page asks in vain, and a reload leaves its questions; that is the test's doing.
        if not any(words in complaint for words in CUT_OFF):
            self.complaints.append(complaint)

    def reload(self) -> None:
        """Load the page anew, and wait until it is painted."""
        self.page.reload()
        self.asking.settles()

    def tab(self, name: str) -> None:
        """Open a tab, and wait until it is painted."""
        self.page.get_by_role("tab", name=name, exact=True).click()
        self.asking.settles()

    def part(self, elem_id: str) -> Locator:
        return self.page.locator(f"#{elem_id}")

    def fill(self, elem_id: str, text: str) -> None:
        field = self.part(elem_id).locator("input:not([type=range]), textarea").first
        before, deadline = field.input_value(), time.monotonic() + PATIENCE_S
        while True:
            field.fill(text)
            field.press("Tab")
            if text == before or is_kept(field, before):
                return
            assert time.monotonic() < deadline, f"{elem_id} goes back to {before!r}"

    def choose(self, elem_id: str, option: str) -> None:
        choose(self.page, elem_id, option)

    def choose_set(self, name: str) -> None:
        """Open the Data tab and, once it is painted and has nothing new, choose a data set there."""
        with self.page.expect_response(lambda reply: "slm/preparing" in reply.url and reply.status == 204):
            self.tab("Data")
        expect(self.part("data-sets").locator("input")).not_to_have_value("")
        self.choose("data-sets", name)


def choose(page: Page, elem_id: str, option: str) -> None:
    """Choose from a list; it is opened anew where the page grew meanwhile and left it outside the window."""
    field, deadline = page.locator(f"#{elem_id} input"), time.monotonic() + PATIENCE_S
    wanted, before = page.get_by_role("option", name=re.compile(option)).first, field.input_value()
    while True:
        field.evaluate("node => node.scrollIntoView({block: 'center'})")
        field.click()
        try:
            wanted.click(timeout=REOPEN_MS)
            # A list to choose several from has an empty field before and after.
            if before == "" or re.search(option, before) or is_kept(field, before):
                return
            assert time.monotonic() < deadline, f"{elem_id} goes back to {before!r}"
        except TimeoutError:
            if time.monotonic() > deadline:
                raise
            field.press("Escape")


def is_kept(field: Locator, before: str) -> bool:
    """Whether a field does not go back to what it was.

    Gradio paints a tab or an accordion that was just opened, and some frames later sets each field in it once more
    to what it was then; on a busy machine these are many milliseconds.
    """
    for _ in range(QUIET_LOOKS):
        field.page.wait_for_timeout(LOOK_MS)
        field.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        if field.input_value() == before:
            return False
    return True


def fits(page: Page, part: str) -> None:
    """Once this part is seen and had a moment to settle, the page comes to fit into its window's width."""
    expect(page.locator(f"#{part}")).to_be_visible()
    page.wait_for_timeout(400)
    page.wait_for_function("document.documentElement.scrollWidth <= window.innerWidth")
