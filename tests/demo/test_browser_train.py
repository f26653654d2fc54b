"""The Train tab in a real browser: a training outlives pages and servers, and is brought to a good end."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("gradio")
from playwright.sync_api import Browser, expect

from slm.config import PrepareConfig
from tests.demo.browsing import SLOW_MS, Server, Watched

pytestmark = pytest.mark.browser


def events(run_dir: Path) -> list[dict]:
    return [json.loads(line) for line in (run_dir / "events.jsonl").read_text().splitlines()]


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

    opened.reload()
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
    opened.reload()
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
    opened.reload()
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
