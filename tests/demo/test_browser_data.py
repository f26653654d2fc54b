"""An own text in a real browser: uploaded, looked at, deleted; and a preparation that is given up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("gradio")
from playwright.sync_api import expect

from tests.demo.browsing import SLOW_MS, Server, Watched

pytestmark = pytest.mark.browser
GRADIO_UPLOADS = "Method not implemented."  # what gradio's own gr.File tells the console of every upload
STORY = "Once upon a time there was a frog called Ümit. He jumped over the {} pond and was happy."


def open_form(opened: Watched, source: str) -> None:
    opened.tab("Data")
    opened.part("data-source").get_by_label(source, exact=True).check()
    opened.page.get_by_role("button", name="More settings").locator("visible=true").click()


def test_an_uploaded_text_is_shown_as_stories_trained_from_and_deleted(
    opened: Watched, server: Server, tmp_path: Path
) -> None:
    file = tmp_path / "frogs & <b>ponds.txt"
    file.write_text("\n\n".join([*(STORY.format(f"{n}th") for n in range(211)), STORY.format("7th"), "Short."]))
    open_form(opened, "Own text")
    opened.part("data-upload").locator("input[type=file]").set_input_files(file)
    expect(opened.part("data-upload")).to_contain_text("frogs", timeout=SLOW_MS)
    opened.asking.settles()
    while GRADIO_UPLOADS in opened.complaints:
        opened.complaints.remove(GRADIO_UPLOADS)
    opened.fill("data-name", "frogs")
    opened.part("data-prepare").click()
    manifest = opened.part("data-manifest")
    expect(manifest.get_by_role("row", name=re.compile("^train to learn from 201 "))).to_be_visible(timeout=SLOW_MS)
    expect(manifest).to_contain_text("Left out, 1 story")
    expect(manifest).to_contain_text("the same story again")
    expect(opened.part("data-sets").locator("input")).to_have_value(re.compile("frogs"))
    expect(manifest.get_by_role("img", name="Histogram of story lengths in tokens")).to_be_visible()
    expect(opened.part("data-preview")).to_contain_text("frog called Ümit")
    opened.tab("Train")
    opened.choose("train-data", "frogs")
    opened.tab("Data")
    opened.part("data-delete").click()
    opened.part("data-delete-yes").click()
    expect(opened.part("data-sets").locator("input")).not_to_have_value(re.compile("frogs"), timeout=SLOW_MS)
    assert not (server.home / "data/frogs").exists()
    opened.tab("Train")
    opened.part("train-data").locator("input").click()
    expect(opened.page.get_by_role("option", name=re.compile("frogs"))).to_have_count(0)


def test_a_preparation_that_is_given_up_leaves_nothing_and_the_next_one_goes(opened: Watched, server: Server) -> None:
    open_form(opened, "Starter stories")
    opened.fill("data-name", "given-up")
    opened.part("data-prepare").click()
    cancel = opened.part("data-cancel")
    expect(cancel).to_be_enabled()
    cancel.click()
    status = opened.part("data-status")
    expect(status).to_contain_text(re.compile("cancel", re.IGNORECASE), timeout=SLOW_MS)
    expect(opened.part("data-prepare")).to_be_enabled(timeout=SLOW_MS)
    assert [path.name for path in (server.home / "data").iterdir() if "given-up" in path.name] == []
    opened.fill("data-name", "taken-up")
    opened.fill("data-limit", "211")
    opened.part("data-prepare").click()
    expect(opened.part("data-sets").locator("input")).to_have_value(re.compile("taken-up"), timeout=SLOW_MS)
