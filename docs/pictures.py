"""Take the README's pictures of a page that runs already: python docs/pictures.py http://127.0.0.1:7860

The Train picture shows the newest run there.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

HERE = Path(__file__).resolve().parent
SLOW_MS = 90_000


def main(url: str) -> None:
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-background-networking"]
        )
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.goto(url)
        write(page)
        train(page)
        chromium.close()


def write(page: Page) -> None:
    page.locator("#write-model input").click()
    page.get_by_role("option").filter(has_text="comes with the project").first.click()
    page.locator("#write-seed textarea, #write-seed input").fill("1")
    page.locator("#write-go").click()
    expect(page.locator("#write-story")).to_contain_text(re.compile("the end|stopped at"), timeout=SLOW_MS)
    page.screenshot(path=HERE / "write.png", full_page=True)


def train(page: Page) -> None:
    page.get_by_role("tab", name="Train", exact=True).click()
    expect(page.locator("#train-status")).to_contain_text("step", timeout=SLOW_MS)
    page.wait_for_timeout(1500)  # the chart draws itself in
    page.set_viewport_size({"width": 1280, "height": 1250})  # to the end of the chart
    page.wait_for_timeout(500)
    page.screenshot(path=HERE / "train.png")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:7860")
