"""The page in a real browser, against a server of its own: what a person does, from a story to a resumed run."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
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

from slm import runs  # noqa: E402
from slm.config import PrepareConfig  # noqa: E402
from tests.waiting import PATIENCE_S, free_port  # noqa: E402

pytestmark = pytest.mark.browser
PROJECT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SLOW_MS = 120_000  # a training process imports torch first
expect.set_options(timeout=SLOW_MS)  # what a machine does at once it does late when it is busy


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A checkpoints and a data folder, with one small data set and one barely trained model, the same everywhere."""
    from slm.data.prepare import prepare

    folder = tmp_path_factory.mktemp("home")
    list(prepare(PrepareConfig(source="starter", name="tiny", vocab="512", limit=300, workers=1), folder / "data"))
    words = ["train", "--run", "first", "--data", "tiny", "--preset", "golden", "--steps", "5", "--eval-windows", "4",
             "--threads", "1", "--dtype", "float32"]  # fmt: skip
    subprocess.run([sys.executable, "-m", "slm", *words], cwd=PROJECT, env=environment(folder), check=True)
    yield folder
    end_trainings(folder)


def end_trainings(home: Path) -> None:
    """End what a test that failed left behind: trainings outlive whoever started them."""
    if holder := runs.training_holder(home / "checkpoints"):
        os.kill(holder["pid"], signal.SIGKILL)


def environment(home: Path) -> dict[str, str]:
    places = {"SLM_CHECKPOINTS": str(home / "checkpoints"), "SLM_DATA": str(home / "data"), "OMP_NUM_THREADS": "1"}
    return {**os.environ, **places, "HF_HUB_OFFLINE": "1"}


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


CUT_OFF = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "ERR_INCOMPLETE_CHUNKED_ENCODING",
           "network error", "Failed to fetch", "AbortError", "Connection errored out")  # fmt: skip


class Watched:
    """A page of the browser, and everything that it should not have done."""

    def __init__(self, browser: Browser, url: str, width: int = 1280) -> None:
        self.page: Page = browser.new_page(viewport={"width": width, "height": 900})
        self.page.set_default_timeout(SLOW_MS)
        self.complaints: list[str] = []
        self.page.on("console", lambda m: self._note(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self._note(str(error)))
        self.page.on("request", lambda r: None if r.url.startswith((url, "data:", "blob:")) else self._note(r.url))
        self.page.goto(url)
        # Once it is painted: what is chosen before that, the answer that is on its way would take back.
        expect(self.part("write-model").locator("input")).not_to_have_value("")

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

    def choose_set(self, name: str) -> None:
        """Open the Data tab and, once it is painted and has nothing new, choose a data set there."""
        with self.page.expect_response(lambda reply: "slm/preparing" in reply.url and reply.status == 204):
            self.tab("Data")
        expect(self.part("data-sets").locator("input")).not_to_have_value("")
        self.choose("data-sets", name)


@pytest.fixture
def opened(browser: Browser, server: Server) -> Iterator[Watched]:
    watched = Watched(browser, server.url)
    yield watched
    watched.page.close()
    assert watched.complaints == []


def test_writes_the_same_story_for_the_same_seed(opened: Watched) -> None:
    story = opened.part("write-story")
    opened.fill("write-prompt", "Once upon <b>a</b> time {{7*7}} ${7*7} `x`")
    opened.fill("write-max-tokens", "12")
    told = []
    for seed in ("7", "8", "7"):  # another one in between, so that an old story is not taken for the new
        opened.fill("write-seed", seed)
        opened.part("write-go").click()
        expect(story).to_contain_text(re.compile(f"seed {seed} .*(the end|stopped at your number)"))
        expect(opened.part("write-go")).to_be_enabled()
        told.append(story.locator("p").inner_text())
    assert told[0] == told[2] != told[1]
    assert told[0].startswith("Once upon <b>a</b> time {{7*7}} ${7*7} `x`")
    assert len(told[0]) > len("Once upon <b>a</b> time {{7*7}} ${7*7} `x`")


# The page with models that take half a second for each token.
SLOW_WRITER = """
import time
import app
from slm.generate import LanguageModel
write_many = LanguageModel.write_many
def slowly(self, *args, **settings):
    for column in write_many(self, *args, **settings):
        time.sleep(0.5)
        yield column
LanguageModel.write_many = slowly
app.main()
"""


class SlowServer(Server):
    """A server whose stories are long under way on the fastest machine too, so that Stop comes in their midst."""

    program = ("-c", SLOW_WRITER)


def test_stops_at_once_and_writes_again(browser: Browser, home: Path) -> None:
    server = SlowServer(home)
    try:
        opened = Watched(browser, server.url)
        story = opened.part("write-story")
        opened.choose("write-model", "first")
        opened.fill("write-max-tokens", "1000")
        opened.fill("write-temperature", "0")  # so young a model then says the same for ever and finds no end
        opened.part("write-go").click()
        expect(story).to_contain_text(re.compile(r"\d tokens .*writing"))
        opened.part("write-stop").click()
        expect(story).to_contain_text("stopped by you", timeout=30_000)  # the whole story takes 500 seconds
        expect(opened.part("write-go")).to_be_enabled()
        opened.fill("write-max-tokens", "3")
        opened.part("write-go").click()
        expect(story).to_contain_text(re.compile(r"\b3 tokens .*stopped at your number|the end"))
        opened.page.close()
    finally:
        server.stop()
    assert opened.complaints == []


def test_says_what_is_wrong_in_a_sentence(opened: Watched) -> None:
    opened.fill("write-seed", "seven")
    opened.part("write-go").click()
    expect(opened.part("write-story")).to_contain_text("Seed must be a whole number, not 'seven'.", timeout=SLOW_MS)
    opened.tab("Train")
    opened.fill("train-minutes", "0")
    opened.part("train-start").click()
    expect(opened.page.get_by_text("Not started: there is no end")).to_be_visible()
    expect(opened.part("train-status")).not_to_contain_text("no end")


def test_looks_inside(opened: Watched) -> None:
    opened.tab("Inside")
    opened.choose("inside-model", "first")
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
    opened.choose("train-preset", "micro")
    opened.fill("train-minutes", "90")
    expect(opened.part("train-size")).to_contain_text("459 k parameters", timeout=SLOW_MS)
    opened.part("train-start").click()
    status = opened.part("train-status")
    expect(status).to_contain_text("Learning: step", timeout=SLOW_MS)
    expect(opened.part("train-chart").locator("svg path").first).to_be_attached(timeout=SLOW_MS)
    run = status.locator(".slm-run").inner_text()
    assert run == "micro-tiny-001"

    opened.page.reload()
    opened.tab("Train")
    expect(opened.part("train-status")).to_contain_text(run, timeout=SLOW_MS)

    second = Watched(browser, server.url)
    second.tab("Train")
    expect(second.part("train-status")).to_contain_text(run, timeout=SLOW_MS)
    second.part("train-start").click()
    expect(second.page.get_by_text(re.compile(f"Not started: run .?{run}.? is training already", re.I))).to_be_visible()
    for page in (second, opened):  # what one person did wrong stands above nobody's run
        expect(page.part("train-status")).not_to_contain_text("training already")
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
    expect(opened.part("write-story")).to_contain_text(re.compile("tokens/s|the end"), timeout=SLOW_MS)

    opened.tab("Runs")
    expect(opened.part("runs-table")).to_contain_text(run)
    opened.part("runs-export").click()
    expect(opened.part("runs-file")).to_contain_text(".zip", timeout=SLOW_MS)


def test_a_training_is_foretold_watched_and_brought_to_a_good_end(opened: Watched, server: Server) -> None:
    from slm.data.prepare import prepare

    # So many stories that nothing is wrong with reading them, however often a machine does so before it is looked at.
    config = PrepareConfig(source="starter", name="many", vocab="512", limit=3000, workers=1)
    list(prepare(config, server.home / "data"))
    opened.page.reload()
    opened.tab("Train")
    opened.choose("train-data", "many")
    opened.choose("train-preset", "micro")
    opened.fill("train-minutes", "90")
    opened.choose("train-shown", "The latest")
    size, outlook = opened.part("train-size"), opened.part("train-forecast")
    expect(size).to_contain_text("multiplications and additions", timeout=SLOW_MS)
    expect(size.locator(".slm-stack").first).to_have_attribute("aria-label", re.compile("embedding .* attention"))
    expect(outlook).to_contain_text("Forecast for micro", timeout=2 * SLOW_MS)
    expect(outlook).to_contain_text("Measured on this machine")
    expect(outlook).to_contain_text("1 h 30 min")
    expect(outlook).to_contain_text(re.compile("each story|% of the stories"))

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
    expect(opened.part("write-go")).to_be_enabled()
    expect(opened.part("write-copied")).to_be_empty()
    opened.part("write-did-it-copy").click()
    copied = opened.part("write-copied")
    expect(copied).to_contain_text("Its longest stretch from a training story has", timeout=SLOW_MS)
    assert told[:60] in copied.locator("mark").first.inner_text()
    copied.locator("summary").first.click()
    expect(copied.locator("details mark").first).to_be_visible()


def preview_of(opened: Watched) -> str:
    """The first words of a training story, as the Data tab shows it."""
    opened.choose_set("tiny")
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


# The tabs, and a part by which each is known to be there.
TABS = {"Write": "write-go", "Train": "train-start", "Inside": "inside-go", "Data": "data-prepare",
        "Runs": "runs-table"}  # fmt: skip


def fits(page: Page, part: str) -> None:
    """Once this part is seen and had a moment to settle, the page comes to fit into its window's width."""
    expect(page.locator(f"#{part}")).to_be_visible()
    page.wait_for_timeout(400)
    page.wait_for_function("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scroll(browser: Browser, server: Server, scheme: str) -> None:
    watched = Watched(browser, server.url, width=390)
    watched.page.emulate_media(color_scheme=scheme)
    for name, part in TABS.items():
        watched.tab(name)
        fits(watched.page, part)
    watched.page.close()
    assert watched.complaints == []
