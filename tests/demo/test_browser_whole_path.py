"""The whole path in a real browser: stories, a training, a server that is killed, and a story by the new model."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("gradio")
from playwright.sync_api import Browser, expect

from tests.demo.browsing import Server, Watched, end_trainings, fits

pytestmark = pytest.mark.browser

STATUS = "#train-status header h3"
STEP = r"step ([\d,]+)"
PROMPT = "Once upon a time"
WIDE, NARROW = 1440, 390


@pytest.fixture(scope="module")
def hub_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stories in the layout in which TinyStories lies on the Hub."""
    import pyarrow
    import pyarrow.parquet

    from slm.data.starter import stories

    folder, told = tmp_path_factory.mktemp("hub") / "TinyStories", list(stories(11, 643))
    (folder / "data").mkdir(parents=True)
    for part, texts in {"train": told[:601], "validation": told[601:]}.items():
        pyarrow.parquet.write_table(pyarrow.table({"text": texts}), folder / f"data/{part}-00000-of-00001.parquet")
    return folder


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A page whose folders are empty at first."""
    for name in ("checkpoints", "data"):
        (tmp_path / name).mkdir()
    server = Server(tmp_path)
    yield server
    server.stop()
    end_trainings(tmp_path)


def step_shown(opened: Watched) -> int:
    found = re.search(STEP, opened.page.locator(STATUS).inner_text())
    assert found
    return int(found[1].replace(",", ""))


def learns_past(opened: Watched, step: int) -> None:
    """Wait until the page shows that the training is further than this step."""
    shown = f"document.querySelector('{STATUS}')?.textContent.match(/^Learning: {STEP}/)?.[1]"
    opened.page.wait_for_function(f"step => Number(({shown} ?? '0').replaceAll(',', '')) > step", arg=step)


def fits_both(opened: Watched, part: str) -> None:
    """The page fits into a phone's window and into a wide one; in the one that it has, it stays."""
    size = opened.page.viewport_size
    assert size is not None
    for width in (NARROW + WIDE - size["width"], size["width"]):
        opened.page.set_viewport_size({"width": width, "height": 900})
        fits(opened.page, part)


def stops(opened: Watched) -> int:
    """Stop the training that is shown; the step that it has come to."""
    opened.part("train-stop").click()
    expect(opened.page.locator(STATUS)).to_contain_text("Stopped at step")
    return step_shown(opened)


def test_from_stories_to_a_story_though_the_server_is_killed_in_between(
    browser: Browser, own_server: Server, hub_folder: Path
) -> None:
    opened = Watched(browser, own_server.url, WIDE)
    opened.tab("Data")
    opened.page.get_by_label("Another data set, a file or a folder").check()
    opened.fill("data-place", str(hub_folder))
    opened.choose("data-vocab", "^512 tokens")
    opened.part("data-prepare").click()
    expect(opened.part("data-status")).to_contain_text("ready")
    expect(opened.part("data-manifest")).to_contain_text("TinyStories-512")
    expect(opened.part("data-manifest")).to_contain_text("601")
    fits_both(opened, "data-preview")

    opened.tab("Train")
    opened.choose("train-data", "^TinyStories-512")
    opened.fill("train-minutes", "90")
    opened.part("train-start").click()
    learns_past(opened, 3)
    run = opened.part("train-status").locator(".slm-run").inner_text()
    before = step_shown(opened)
    opened.reload()
    opened.tab("Train")
    learns_past(opened, before)
    expect(opened.part("train-chart").locator("svg path").first).to_be_attached()
    fits_both(opened, "train-status")
    stopped = stops(opened)

    own_server.process.kill()
    assert own_server.process.wait() == -signal.SIGKILL
    own_server.start()
    opened.page.set_viewport_size({"width": NARROW, "height": 900})
    opened.reload()
    opened.tab("Train")
    expect(opened.page.locator(STATUS)).to_contain_text(f"Stopped at step {stopped:,}")
    expect(opened.part("train-status")).to_contain_text(f"Everything up to step {stopped:,} is saved.")
    expect(opened.part("train-status").locator(".slm-run")).to_have_text(run)
    opened.part("train-resume").click()
    learns_past(opened, stopped)
    ended = stops(opened)
    lines = (own_server.home / "checkpoints" / run / "events.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    assert [e["step"] for e in events if e["kind"] == "train"] == list(range(1, ended + 1))
    assert [e["resumed_from_step"] for e in events if e["kind"] == "start"] == [None, stopped]
    ends = [(e["reason"], e["step"]) for e in events if e["kind"] == "end"]
    assert ends == [("stopped", stopped), ("stopped", ended)]

    opened.tab("Write")
    opened.choose("write-model", f"^{run}")
    opened.fill("write-prompt", PROMPT)
    opened.fill("write-max-tokens", "13")
    opened.part("write-go").click()
    story = opened.part("write-story")
    expect(story).to_contain_text(re.compile("the end|stopped at your number"))
    told = story.locator("p").first.inner_text()
    assert told.startswith(PROMPT) and len(told) > len(PROMPT)
    fits_both(opened, "write-story")
    opened.page.close()
    assert opened.complaints == []
