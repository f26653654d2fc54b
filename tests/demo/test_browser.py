"""The page in a real browser, against a server of its own: what a person does, from a story to a resumed run."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("gradio")
from playwright.sync_api import Browser, Locator, Page, expect  # noqa: E402

from slm.config import PrepareConfig  # noqa: E402

pytestmark = pytest.mark.browser
PROJECT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SLOW_MS = 90_000  # a training process imports torch first


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoints and a data folder, with one small data set and one barely trained model."""
    from slm.data.prepare import prepare

    folder = tmp_path_factory.mktemp("home")
    list(prepare(PrepareConfig(source="starter", name="tiny", vocab="512", limit=300, workers=1), folder / "data"))
    words = ["train", "--run", "first", "--data", "tiny", "--preset", "golden", "--steps", "5", "--eval-windows", "4"]
    subprocess.run([sys.executable, "-m", "slm", *words], cwd=PROJECT, env=environment(folder), check=True)
    return folder


def environment(home: Path) -> dict[str, str]:
    places = {"SLM_CHECKPOINTS": str(home / "checkpoints"), "SLM_DATA": str(home / "data"), "OMP_NUM_THREADS": "1"}
    return {**os.environ, **places, "HF_HUB_OFFLINE": "1"}


class Server:
    """`python app.py` on a free port, with these further words."""

    def __init__(self, home: Path, *words: str, **variables: str) -> None:
        self.home, self.words, self.variables = home, words, variables
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self.start()

    def start(self) -> None:
        words = [sys.executable, "app.py", "--port", str(self.port), *self.words]
        self.process = subprocess.Popen(words, cwd=PROJECT, env={**environment(self.home), **self.variables})
        deadline = time.monotonic() + 2 * SLOW_MS / 1000
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
        self.process.wait(30)


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    server = Server(home)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    with playwright.sync_playwright() as run:
        opened = run.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield opened
        opened.close()


CUT_OFF = ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "network error", "AbortError",
           "Connection errored out")  # fmt: skip


class Watched:
    """A page of the browser, and everything that it should not have done."""

    def __init__(self, browser: Browser, url: str, width: int = 1280) -> None:
        self.page: Page = browser.new_page(viewport={"width": width, "height": 900})
        self.complaints: list[str] = []
        self.page.on("console", lambda m: self._note(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self._note(str(error)))
        self.page.on("request", lambda r: None if r.url.startswith((url, "data:", "blob:")) else self._note(r.url))
        self.page.goto(url)
        expect(self.page.locator("#write-go")).to_be_visible(timeout=SLOW_MS)

    def _note(self, complaint: str) -> None:
        # While the server restarts the page asks in vain, and a reload leaves its questions; that is the test's doing.
        if not any(words in complaint for words in CUT_OFF):
            self.complaints.append(complaint)

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name, exact=True).click()

    def part(self, elem_id: str) -> Locator:
        return self.page.locator(f"#{elem_id}")

    def fill(self, elem_id: str, text: str) -> None:
        field = self.part(elem_id).locator("input:not([type=range]), textarea").first
        field.fill(text)
        field.press("Tab")

    def choose(self, elem_id: str, option: str) -> None:
        self.part(elem_id).locator("input").click()
        self.page.get_by_role("option", name=re.compile(option)).first.click()


@pytest.fixture
def opened(browser: Browser, server: Server) -> Iterator[Watched]:
    watched = Watched(browser, server.url)
    yield watched
    watched.page.close()
    assert watched.complaints == []


def test_writes_the_same_story_for_the_same_seed(opened: Watched) -> None:
    story = opened.part("write-story")
    opened.fill("write-prompt", "Once upon <b>a</b> time {{7*7}} ${7*7} `x`")
    opened.fill("write-seed", "7")
    opened.fill("write-max-tokens", "12")
    told = []
    for _ in range(2):
        opened.part("write-go").click()
        expect(story).to_contain_text("seed 7", timeout=SLOW_MS)
        expect(opened.part("write-go")).to_be_enabled(timeout=SLOW_MS)
        told.append(story.locator("p").inner_text())
    assert told[0] == told[1]
    assert told[0].startswith("Once upon <b>a</b> time {{7*7}} ${7*7} `x`")
    assert len(told[0]) > len("Once upon <b>a</b> time {{7*7}} ${7*7} `x`")


def test_stops_at_once_and_writes_again(opened: Watched) -> None:
    story = opened.part("write-story")
    opened.fill("write-max-tokens", "1000")
    opened.fill("write-temperature", "0")  # so young a model then says the same for ever and finds no end
    opened.part("write-go").click()
    expect(story).to_contain_text("writing", timeout=SLOW_MS)
    opened.part("write-stop").click()
    expect(story).to_contain_text("stopped by you", timeout=3000)
    expect(opened.part("write-go")).to_be_enabled()
    opened.fill("write-max-tokens", "3")
    opened.part("write-go").click()
    expect(story).to_contain_text(re.compile("3 tokens|the end"), timeout=SLOW_MS)


def test_says_what_is_wrong_in_a_sentence(opened: Watched) -> None:
    opened.fill("write-seed", "seven")
    opened.part("write-go").click()
    expect(opened.part("write-story")).to_contain_text("Seed must be int, not 'seven'.", timeout=SLOW_MS)
    opened.tab("Train")
    opened.fill("train-minutes", "0")
    opened.part("train-start").click()
    expect(opened.part("train-status")).to_contain_text("There is no end", timeout=SLOW_MS)


def test_looks_inside(opened: Watched) -> None:
    opened.tab("Inside")
    opened.fill("inside-text", "The cat sat.")
    opened.part("inside-go").click()
    expect(opened.part("inside-tokens").locator("li").first).to_be_visible(timeout=SLOW_MS)
    expect(opened.part("inside-probs").locator("li")).to_have_count(12)
    expect(opened.part("inside-attention").locator("canvas").first).to_be_visible()
    expect(opened.part("inside-lens").locator("tbody tr")).to_have_count(4)  # three layers and what came


def test_prepares_starter_stories(opened: Watched, server: Server) -> None:
    opened.tab("Data")
    opened.page.get_by_role("button", name="More settings").locator("visible=true").click()
    opened.fill("data-name", "by-hand")
    opened.fill("data-limit", "200")
    opened.part("data-prepare").click()
    expect(opened.part("data-status")).to_contain_text("ready", timeout=SLOW_MS)
    expect(opened.part("data-manifest")).to_contain_text("by-hand")
    expect(opened.part("data-preview").locator("article").first).to_be_visible()
    manifest = json.loads((server.home / "data/by-hand/manifest.json").read_text())
    assert manifest["train"]["stories"] <= 200


def test_a_training_outlives_pages_and_servers(opened: Watched, browser: Browser, server: Server) -> None:
    opened.tab("Train")
    opened.choose("train-data", "tiny")
    opened.choose("train-preset", "golden")
    opened.fill("train-minutes", "10")
    expect(opened.part("train-size")).to_contain_text("187 k parameters", timeout=SLOW_MS)
    opened.part("train-start").click()
    status = opened.part("train-status")
    expect(status).to_contain_text("Learning: step", timeout=SLOW_MS)
    expect(opened.part("train-chart").locator("svg path").first).to_be_attached(timeout=SLOW_MS)
    run = status.locator(".slm-run").inner_text()
    assert run == "golden-tiny-001"

    opened.page.reload()
    opened.tab("Train")
    expect(opened.part("train-status")).to_contain_text(run, timeout=SLOW_MS)

    second = Watched(browser, server.url)
    second.tab("Train")
    expect(second.part("train-status")).to_contain_text(run, timeout=SLOW_MS)
    second.part("train-start").click()
    expect(second.part("train-status")).to_contain_text(
        re.compile(f"Run .?{run}.? is training already"), timeout=SLOW_MS
    )
    second.page.close()

    server.stop()
    server.start()
    opened.page.reload()
    opened.tab("Train")
    expect(opened.part("train-status")).to_contain_text("Learning: step", timeout=SLOW_MS)

    opened.part("train-stop").click()
    expect(opened.part("train-status")).to_contain_text("Stopped", timeout=SLOW_MS)
    opened.part("train-resume").click()
    expect(opened.part("train-status")).to_contain_text("Learning: step", timeout=SLOW_MS)
    opened.part("train-stop").click()
    expect(opened.part("train-status")).to_contain_text("Stopped", timeout=SLOW_MS)
    reasons = [e.get("reason") for e in events(server.home / "checkpoints" / run) if e["kind"] == "end"]
    assert reasons == ["stopped", "stopped"]

    opened.tab("Write")
    opened.choose("write-model", run)
    opened.part("write-go").click()
    expect(opened.part("write-story")).to_contain_text("tokens/s", timeout=SLOW_MS)

    opened.tab("Runs")
    expect(opened.part("runs-table")).to_contain_text(run)
    opened.part("runs-export").click()
    expect(opened.part("runs-file")).to_contain_text(".zip", timeout=SLOW_MS)


def test_a_training_is_foretold_watched_and_brought_to_a_good_end(opened: Watched, server: Server) -> None:
    opened.tab("Train")
    opened.choose("train-data", "tiny")
    opened.choose("train-preset", "golden")
    opened.fill("train-minutes", "10")
    opened.choose("train-shown", "The latest")
    size, outlook = opened.part("train-size"), opened.part("train-forecast")
    expect(size).to_contain_text("multiplications and additions", timeout=SLOW_MS)
    expect(size.locator(".slm-stack").first).to_have_attribute("aria-label", re.compile("embedding .* attention"))
    expect(outlook).to_contain_text("Forecast for golden", timeout=2 * SLOW_MS)
    expect(outlook).to_contain_text("Measured on this machine")
    expect(outlook).to_contain_text("10 min")
    expect(outlook).to_contain_text("each story", timeout=SLOW_MS)

    opened.part("train-start").click()
    status, chart = opened.part("train-status"), opened.part("train-chart")
    expect(status).to_contain_text("The doctor sees nothing wrong", timeout=SLOW_MS)
    expect(chart.locator(".slm-chart-strip").first).to_contain_text("learning rate", timeout=SLOW_MS)
    expect(chart.locator(".slm-chart-marks text").filter(has_text="word frequencies only")).to_be_visible()
    chart.get_by_role("button", name="bits per byte").click()
    expect(chart.locator(".slm-chart-axis").last).to_have_text("loss, bits per byte")
    expect(opened.part("train-samples")).to_contain_text("Once upon a time")

    opened.part("train-finish").click()
    expect(status).to_contain_text("Finished at step", timeout=SLOW_MS)
    expect(opened.part("train-finish")).to_be_disabled()
    log = events(server.home / "checkpoints" / status.locator(".slm-run").inner_text())
    asked = next(e for e in log if e.get("code") == "finishing")
    assert asked["last_step"] - asked["step"] <= max(1, round(0.1 * asked["step"]))
    assert [e["step"] for e in log if e["kind"] == "train"][-1] == asked["last_step"]


def events(run_dir: Path) -> list[dict]:
    return [json.loads(line) for line in (run_dir / "events.jsonl").read_text().splitlines()]


def test_says_what_a_story_copied(opened: Watched) -> None:
    opened.part("write-did-it-copy").click()
    expect(opened.part("write-copied")).to_contain_text("no story yet", timeout=SLOW_MS)
    opened.choose("write-model", "first")
    told = preview_of(opened)
    opened.fill("write-prompt", told)  # a model that began with a training story's own words
    opened.fill("write-max-tokens", "5")
    opened.part("write-go").click()
    expect(opened.part("write-story")).to_contain_text(re.compile("5 tokens|the end"), timeout=SLOW_MS)
    expect(opened.part("write-copied")).to_be_empty()
    opened.part("write-did-it-copy").click()
    copied = opened.part("write-copied")
    expect(copied).to_contain_text("Its longest stretch from a training story has", timeout=SLOW_MS)
    assert told[:60] in copied.locator("mark").first.inner_text()
    copied.locator("summary").first.click()
    expect(copied.locator("details mark").first).to_be_visible()


def preview_of(opened: Watched) -> str:
    """The first words of a training story, as the Data tab shows it."""
    opened.tab("Data")
    opened.choose("data-sets", "tiny")
    expect(opened.part("data-manifest")).to_contain_text("tiny", timeout=SLOW_MS)
    story = opened.part("data-preview").locator("article p").first
    expect(story).to_be_visible(timeout=SLOW_MS)
    words = story.inner_text().split("\n")[0][:150]
    opened.tab("Write")
    return words


def test_runs_are_told_apart_renamed_packed_brought_in_and_deleted(
    opened: Watched, server: Server, tmp_path: Path
) -> None:
    from slm.pack import pack, unpack

    first = pack(server.home / "checkpoints/first", tmp_path / "a.zip", weights="all")
    other = unpack(first, tmp_path, name="traveller")
    record = json.loads((other / "run.json").read_text())
    record["train"]["learning_rate"] = 0.0125
    (other / "run.json").write_text(json.dumps(record))
    opened.tab("Runs")
    bring_in(opened, pack(other, tmp_path / "b.zip", weights="all"))
    expect(opened.part("runs-run").locator("input")).to_have_value("traveller", timeout=SLOW_MS)
    expect(opened.part("runs-table")).to_contain_text("traveller")

    opened.part("runs-compare").locator("input").click()
    opened.page.get_by_role("option", name="first", exact=True).click()
    differ = opened.part("runs-differences")
    expect(differ.locator("tbody tr").first).to_contain_text("learning rate", timeout=SLOW_MS)
    expect(differ).to_contain_text("0.0125")

    opened.part("runs-tell").click()
    expect(opened.part("runs-story")).to_contain_text("traveller as it was after step", timeout=SLOW_MS)

    opened.choose("runs-format", "without weights")
    opened.part("runs-export").click()
    expect(opened.part("runs-file")).to_contain_text("traveller-run", timeout=SLOW_MS)

    opened.fill("runs-new-name", "settler")
    opened.part("runs-rename").click()
    expect(opened.part("runs-run").locator("input")).to_have_value("settler", timeout=SLOW_MS)
    assert (server.home / "checkpoints/settler").is_dir()

    (tmp_path / "bad.zip").write_text("no zip")
    bring_in(opened, tmp_path / "bad.zip")
    expect(opened.page.get_by_text("Bad.zip is no zip that can be read")).to_be_visible(timeout=SLOW_MS)

    opened.part("runs-delete").click()
    expect(opened.page.get_by_text("Delete settler with all its snapshots, for good?")).to_be_visible(timeout=SLOW_MS)
    opened.part("runs-delete-yes").click()
    expect(opened.part("runs-table")).not_to_contain_text("settler", timeout=SLOW_MS)
    assert not (server.home / "checkpoints/settler").exists()


def bring_in(opened: Watched, file: Path) -> None:
    with opened.page.expect_file_chooser() as chooser:
        opened.part("runs-import").click()
    chooser.value.set_files(file)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scroll(browser: Browser, server: Server, scheme: str) -> None:
    watched = Watched(browser, server.url, width=390)
    watched.page.emulate_media(color_scheme=scheme)
    for name in ("Write", "Train", "Inside", "Data", "Runs"):
        watched.tab(name)
        watched.page.wait_for_timeout(400)
        assert watched.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
    watched.page.close()
    assert watched.complaints == []
