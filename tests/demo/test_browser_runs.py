"""The Runs tab in a real browser: what is deleted is what was asked about, and it is live while something trains."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("gradio")
from playwright.sync_api import Browser, expect

from slm.pack import pack, unpack
from tests.demo.browsing import PROJECT, SLOW_MS, Server, Watched, environment

pytestmark = pytest.mark.browser


def test_what_is_deleted_is_what_was_asked_about(opened: Watched, server: Server, tmp_path: Path) -> None:
    packed = pack(server.home / "checkpoints/first", tmp_path / "a.zip", weights="all")
    for name in ("one", "other"):
        unpack(packed, server.home / "checkpoints", name=name)
    opened.tab("Runs")
    run = opened.part("runs-run").locator("input")
    question = opened.page.get_by_text("with all its snapshots, for good?")
    opened.choose("runs-run", "^one$")
    opened.part("runs-delete").click()
    expect(question).to_have_text("Delete one with all its snapshots, for good?")
    opened.choose("runs-run", "^other$")
    expect(question).to_be_hidden()
    opened.part("runs-delete").click()
    expect(question).to_have_text("Delete other with all its snapshots, for good?")
    opened.part("runs-table").get_by_text("one", exact=True).first.click()
    expect(question).to_be_hidden()
    expect(run).to_have_value("one")
    opened.part("runs-delete").click()
    expect(question).to_have_text("Delete one with all its snapshots, for good?")
    opened.part("runs-delete-yes").click()
    expect(opened.part("runs-table").get_by_text("one", exact=True)).to_have_count(0)
    kept = {path.name for path in (server.home / "checkpoints").iterdir() if not path.name.startswith(".")}
    assert {"first", "other"} <= kept and "one" not in kept


def test_a_bundled_model_leaves_the_tab_usable(opened: Watched) -> None:
    opened.tab("Runs")
    curve = opened.part("runs-chart")
    expect(opened.part("runs-run").locator("input")).not_to_have_value("")
    opened.choose("runs-run", "^tinystories-5m$")
    expect(curve).to_contain_text("A model that came with the project has none")
    opened.tab("Data")
    expect(opened.part("data-prepare")).to_be_visible()
    with opened.page.expect_response(re.compile("run/predict")) as painted:
        opened.tab("Runs")
    assert painted.value.status == 200
    expect(opened.part("runs-run").locator("input")).to_have_value("tinystories-5m")
    opened.choose("runs-run", "^first$")
    expect(curve.locator(".slm-chart-plot .slm-chart-train")).to_have_count(1)


@pytest.fixture
def learner(home: Path) -> Iterator[str]:
    """A run that trains, evaluating often, for as long as the test takes."""
    words = ["train", "--run", "learner", "--data", "tiny", "--preset", "golden", "--minutes", "60", "--threads", "1",
             "--eval-windows", "4", "--eval-interval-s", "2", "--dtype", "float32"]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "slm", *words], cwd=PROJECT, env=environment(home), stdout=subprocess.DEVNULL
    )
    yield "learner"
    process.terminate()
    process.wait()


def test_it_is_live_and_takes_nothing_away_from_who_looks(
    opened: Watched, learner: str, browser: Browser
) -> None:
    opened.tab("Runs")
    table, chart = opened.part("runs-table"), opened.part("runs-chart")
    expect(table).to_contain_text(learner, timeout=SLOW_MS)  # it came while the tab was open, and is in the lists
    opened.choose("runs-run", f"^{learner}$")
    line = chart.locator(".slm-chart-plot .slm-chart-train")
    expect(line).to_have_count(1)
    opened.choose("runs-run", "^first$")
    expect(opened.page.get_by_role("option")).to_have_count(0)  # the list before is closed
    opened.part("runs-compare").locator("input").click()
    opened.page.get_by_role("option", name=learner, exact=True).click()
    opened.page.keyboard.press("Escape")
    expect(line).to_have_count(2)
    opened.part("runs-delete").click()
    question = opened.page.get_by_text("Delete first with all its snapshots, for good?")
    expect(question).to_be_visible()

    for _ in range(2):  # the table and the curves go on, more than once
        told, drawn = table.inner_text(), [one.get_attribute("d") or "" for one in line.all()]
        opened.page.wait_for_function(
            "told => document.querySelector('#runs-table').innerText !== told", arg=told, timeout=SLOW_MS
        )
        opened.page.wait_for_function(
            "drawn => [...document.querySelectorAll('#runs-chart .slm-chart-plot .slm-chart-train')]"
            ".some((line) => !drawn.includes(line.getAttribute('d')))", arg=drawn, timeout=SLOW_MS,
        )  # fmt: skip
    expect(question).to_be_visible()
    expect(opened.part("runs-run").locator("input")).to_have_value("first")
    expect(line).to_have_count(2)
    opened.part("runs-delete-no").click()
    expect(question).to_be_hidden()


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
