"""Take the pictures of a page that runs already: python docs/pictures.py [http://127.0.0.1:7860] [--only write,train]

Each tab in light, in dark and on a phone, into docs/pictures/; README shows the light Write and Train, which are copied
beside them. The Train picture shows the newest run there (one at work is worth more than one that has ended), the Data
picture the first data set, the Runs picture the newest run and another one.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

HERE = Path(__file__).resolve().parent
PLACE = HERE / "pictures"
SLOW_MS = 180_000
SETTLES_MS = 12_000  # a page that opens beside a training slows it down for a moment
MOST_KB = 250
CHOSEN_PLACE = 0  # of the word whose alternatives the Write picture shows: what comes first is never sure
LOOKS = {  # name: width, height, colour scheme
    "light": (1280, 1250, "light"),
    "dark": (1280, 1250, "dark"),
    "phone": (390, 1700, "light"),
}
IN_README = {"write-light": "write.png", "train-light": "train.png"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", nargs="?", default="http://127.0.0.1:7860", help="the page")
    parser.add_argument("--only", default=",".join(TABS), help="tabs, in small letters, with commas between them")
    args = parser.parse_args()
    PLACE.mkdir(exist_ok=True)
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-background-networking"]
        )
        for look in LOOKS:
            for tab in args.only.split(","):
                take(chromium, args.url, tab, look)
        chromium.close()


def take(chromium: Browser, url: str, tab: str, look: str) -> None:
    """One picture, of a page opened for it alone."""
    width, height, scheme = LOOKS[look]
    context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(url)
    page.get_by_role("tab", name=tab.capitalize(), exact=True).click(timeout=SLOW_MS)
    TABS[tab](page)
    page.wait_for_timeout(1500)  # the charts draw themselves in
    page.mouse.move(0, 0)
    file = PLACE / f"{tab}-{look}.png"
    size_kb = save(page.screenshot(), file)
    context.close()
    print(f"{file.relative_to(HERE.parent)}: {size_kb:.0f} KB", flush=True)
    if copy := IN_README.get(file.stem):
        shutil.copyfile(file, HERE / copy)


def save(picture: bytes, file: Path) -> float:
    """Keep a picture with all its colours, or as many as it may have within MOST_KB; its size in KB."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.save(file, optimize=True)
    for colours in (256, 128, 64):
        if file.stat().st_size <= 1000 * MOST_KB:
            break
        image.quantize(colours, dither=Image.Dither.NONE).save(file, optimize=True)
    return file.stat().st_size / 1000


def write(page: Page) -> None:
    page.locator("#write-model input").click()
    page.get_by_role("option").filter(has_text="ready-made").first.click()
    page.locator("#write-seed textarea, #write-seed input").fill("1")
    page.locator("#write-go").click()
    expect(page.locator("#write-story")).to_contain_text(re.compile("the end|stopped at"), timeout=SLOW_MS)
    expect(page.locator("#write-go")).to_be_enabled(timeout=SLOW_MS)
    page.get_by_label("By guess").check()
    expect(page.locator("#write-story .slm-by-rank")).to_be_visible(timeout=SLOW_MS)
    page.evaluate("window.scrollTo(0, 0)")
    if (page.viewport_size or {"width": 0})["width"] < 600:
        page.locator(f"#write-story .slm-word[data-place='{CHOSEN_PLACE}']").click()
        expect(page.locator("#write-else")).to_contain_text("%", timeout=SLOW_MS)
        page.locator("#write-story").scroll_into_view_if_needed()


def train(page: Page) -> None:
    expect(page.locator("#train-status")).to_contain_text("step", timeout=SLOW_MS)
    expect(page.locator("#train-chart svg path").first).to_be_attached(timeout=SLOW_MS)
    page.wait_for_timeout(SETTLES_MS)
    if (page.viewport_size or {"width": 0})["width"] < 600:
        page.locator("#train-shown").scroll_into_view_if_needed()
        page.evaluate(
            "window.scrollTo(0, document.querySelector('#train-shown').getBoundingClientRect().top + scrollY - 20)"
        )


def inside(page: Page) -> None:
    expect(page.locator("#inside-tokens .slm-token").first).to_be_visible(timeout=SLOW_MS)
    expect(page.locator("#inside-attention canvas").first).to_be_visible(timeout=SLOW_MS)


def data(page: Page) -> None:
    expect(page.locator("#data-preview article").first).to_be_visible(timeout=SLOW_MS)


def runs(page: Page) -> None:
    expect(page.locator("#runs-chart")).to_be_visible(timeout=SLOW_MS)
    page.locator("#runs-compare input").click()
    page.get_by_role("option", selected=False).first.click()
    page.keyboard.press("Escape")
    expect(page.locator("#runs-differences table")).to_be_visible(timeout=SLOW_MS)
    page.locator("#runs-tell").click()
    expect(page.locator("#runs-story")).to_contain_text("Once upon a time", timeout=SLOW_MS)
    page.evaluate("window.scrollTo(0, 0)")


TABS: dict[str, Callable[[Page], None]] = {
    "write": write, "train": train, "inside": inside, "data": data, "runs": runs,
}  # fmt: skip

if __name__ == "__main__":
    main()
