"""More people write than may at once, in real browsers: places in the queue, no room, and a story for all in the end.

The stories wait for the test, not the test for the stories: each stops after its first word until it is let go.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("gradio")
from playwright.sync_api import Browser, expect

from demo import session as session_module
from demo.page import build, launch_options
from demo.rights import CLASS_PAGE, Rights
from demo.session import Session
from demo.tabs.write import NO_ROOM
from slm.checkpoint import save
from slm.generate import LanguageModel
from tests.demo.browsing import SLOW_MS, Watched
from tests.engine import random_lm
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.browser
AT_ONCE, WAITING, TOKENS = 2, 2, 12
QUIET_S = 3.0
TOLD = re.compile(rf"{TOKENS} tokens|the end")


class Held:
    """Stories that stop after their first word until they are let go, by their seeds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._may_end: dict[int, threading.Event] = {}
        whole = LanguageModel.write_many

        def write_many(lm: LanguageModel, *args: Any, seed: int, **options: Any) -> Iterator[Any]:
            stream = whole(lm, *args, seed=seed, **options)
            yield next(stream)
            self._of(seed).wait()
            yield from stream

        monkeypatch.setattr(LanguageModel, "write_many", write_many)

    def _of(self, seed: int) -> threading.Event:
        return self._may_end.setdefault(seed, threading.Event())

    def let_go(self, *seeds: int) -> None:
        for seed in seeds:
            self._of(seed).set()


class ClassPage:
    """A class's page with one small model, served by this process, so that a test can hold its stories."""

    def __init__(self, home: Path, **limits: Any) -> None:
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr(session_module, "CLASS_PAGE", replace(CLASS_PAGE, **limits))
        lm = random_lm("gpt2")
        save(home / "checkpoints/small", lm.model, lm.tokenizer, about={"step": 5})
        self.held = Held(self._patch)
        self.session = Session(home / "checkpoints", home / "data", Rights("maple-tree-7"))
        self._page = build(self.session)
        self._page.launch(
            prevent_thread_lock=True, quiet=True, server_name="127.0.0.1", **launch_options(self.session)
        )
        self.url = self._page.local_url

    def settles(self) -> None:
        """Wait until no page has asked anything for a while: opened, each asks in several steps, one after another."""
        queue, deadline = self._page._queue, time.monotonic() + PATIENCE_S
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < QUIET_S:
            if any(queue.active_jobs) or any(line.queue for line in queue.event_queue_per_concurrency_id.values()):
                quiet_since = time.monotonic()
            assert time.monotonic() < deadline, "the pages ask without end"
            time.sleep(0.02)

    def close(self) -> None:
        self.held.let_go(*range(100))
        self._page.close()
        self._patch.undo()


class Writer(Watched):
    """Somebody who writes a short story with a seed of their own."""

    def __init__(self, browser: Browser, url: str, seed: int) -> None:
        super().__init__(browser, url)
        self.seed, self.story = seed, self.part("write-story")
        expect(self.part("write-next").locator("li").first).to_be_visible(timeout=SLOW_MS)
        self.fill("write-seed", str(seed))
        self.fill("write-max-tokens", str(TOKENS))

    def press_write(self) -> None:
        self.part("write-go").click()

    def begins(self) -> None:
        expect(self.story).to_contain_text(re.compile(rf"seed {self.seed} .* writing"), timeout=SLOW_MS)

    def waits_at(self, place: int) -> None:
        expect(self.story).to_contain_text(f"queue: {place}/", timeout=SLOW_MS)

    def is_told(self) -> None:
        expect(self.story).to_contain_text(TOLD, timeout=SLOW_MS)
        expect(self.story).to_contain_text(f"seed {self.seed} ")
        expect(self.part("write-go")).to_be_enabled(timeout=SLOW_MS)


@pytest.fixture
def class_page(tmp_path: Path) -> Iterator[ClassPage]:
    served = ClassPage(tmp_path, queue=WAITING)
    yield served
    served.close()


def test_who_waits_sees_the_place_and_writes_in_turn_and_who_finds_no_room_is_told(
    browser: Browser, class_page: ClassPage
) -> None:
    writers = [Writer(browser, class_page.url, seed) for seed in range(1, 6)]
    first, second, third, fourth, fifth = writers
    class_page.settles()  # from now on nothing is in the queue but stories
    for writer in (first, second):
        writer.press_write()
        writer.begins()
    third.press_write()
    third.waits_at(1)
    fourth.press_write()
    fourth.waits_at(2)
    third.waits_at(1)

    fifth.press_write()
    expect(fifth.story).to_have_text(NO_ROOM, timeout=SLOW_MS)
    expect(fifth.part("write-go")).to_be_enabled(timeout=SLOW_MS)
    expect(fifth.part("write-stop")).to_be_disabled()
    with fifth.page.expect_response(lambda answer: answer.status == 503, timeout=SLOW_MS):
        fifth.tab("Inside")  # which looks inside at once, and finds no room either
    expect(fifth.page.get_by_text("This application is currently busy.").first).to_be_visible(timeout=SLOW_MS)
    expect(fifth.part("inside-tokens")).to_have_text("Type a sentence, and see it cut into tokens.", timeout=SLOW_MS)
    fifth.tab("Write")

    class_page.held.let_go(1)
    first.is_told()
    third.begins()
    fourth.waits_at(1)
    class_page.held.let_go(3)
    third.is_told()
    fourth.begins()
    second.begins()  # still the same story
    class_page.held.let_go(2, 4, 5)
    second.is_told()
    fourth.is_told()
    fifth.press_write()
    fifth.is_told()
    for writer in writers:
        writer.page.close()
        # Who finds no room is told by the browser's console too.
        assert [said for said in writer.complaints if "503" not in said] == []
