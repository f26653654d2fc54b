"""A class in real browsers: the teacher's page starts and stops a training, a student's watches it and writes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("gradio")
from playwright.sync_api import Browser, expect

from slm.config import PrepareConfig
from tests.demo.browsing import SLOW_MS, Server, Watched, end_trainings

pytestmark = pytest.mark.browser
CODE = "maple-tree-7"
PICTURES = os.environ.get("SLM_PICTURES")  # a folder: then the two pages are pictured there


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Places with one small data set and no run."""
    from slm.data.prepare import prepare

    folder = tmp_path_factory.mktemp("class")
    list(prepare(PrepareConfig(source="starter", name="tiny", vocab="512", limit=300, workers=1), folder / "data"))
    yield folder
    end_trainings(folder)


def picture(watched: Watched, name: str) -> None:
    if PICTURES:
        watched.page.screenshot(path=Path(PICTURES) / f"{name}.png")


def unlock(watched: Watched, code: str) -> None:
    watched.part("page-code").locator("input").fill(code)
    watched.part("page-unlock").click()


@pytest.fixture
def class_server(home: Path) -> Iterator[Server]:
    server = Server(home, "--teacher-code", CODE)
    yield server
    server.stop()


def test_one_starts_and_stops_and_the_others_watch_and_write(
    browser: Browser, class_server: Server, home: Path
) -> None:
    teacher, student = Watched(browser, class_server.url), Watched(browser, class_server.url, width=1000)
    for page in (teacher, student):
        page.tab("Train")
        expect(page.part("page-who")).to_contain_text("You are watching", timeout=SLOW_MS)
        for button in ("train-start", "train-stop", "train-finish", "train-resume"):
            expect(page.part(button)).to_be_disabled()

    unlock(teacher, "oak-tree-7")
    expect(teacher.part("page-who")).to_contain_text("not the teacher's code", timeout=SLOW_MS)
    expect(teacher.part("train-start")).to_be_disabled()
    unlock(teacher, CODE)
    expect(teacher.part("train-start")).to_be_enabled(timeout=SLOW_MS)
    expect(teacher.part("page-who")).to_contain_text("You are the teacher here")
    teacher.reload()
    teacher.tab("Train")
    expect(teacher.part("train-start")).to_be_enabled(timeout=SLOW_MS)

    teacher.choose("train-data", "tiny")
    teacher.choose("train-preset", "micro")
    teacher.fill("train-minutes", "90")
    teacher.part("train-start").click()
    run = "micro-tiny-001"
    for page in (teacher, student):  # the student has chosen nothing
        expect(page.part("train-status")).to_contain_text("Learning: step", timeout=2 * SLOW_MS)
        expect(page.part("train-status")).to_contain_text(run)
        expect(page.part("train-chart").locator("svg path").first).to_be_attached(timeout=SLOW_MS)
    line = student.part("train-chart").locator("svg path").last
    before = line.get_attribute("d")
    expect(line).not_to_have_attribute("d", before or "", timeout=SLOW_MS)
    expect(teacher.part("train-stop")).to_be_enabled(timeout=SLOW_MS)
    for button in ("train-start", "train-stop", "train-finish", "train-resume"):
        expect(student.part(button)).to_be_disabled()
    picture(teacher, "teacher-train")
    picture(student, "student-train")

    snapshots = home / "checkpoints" / run / "snapshots"
    expect_some(student, snapshots)
    late = Watched(browser, class_server.url, width=1000)
    expect(late.part("write-model").locator("input")).to_have_value(
        re.compile(rf"newest snapshot of {run} \(training\).* old"), timeout=SLOW_MS
    )
    late.fill("write-max-tokens", "20")
    late.part("write-go").click()
    expect(late.part("write-story")).to_contain_text(
        re.compile(rf"{run} as it was after step [\d,]+, saved \d+ (s|min) ago"), timeout=SLOW_MS
    )
    picture(late, "student-write")
    student.tab("Write")  # a page that was open before there was a snapshot, and where nobody has chosen a model
    expect(student.part("write-model").locator("input")).to_have_value(re.compile(rf"newest snapshot of {run} "))
    student.tab("Train")

    teacher.part("train-stop").click()
    for page in (teacher, student):
        expect(page.part("train-status")).to_contain_text("Stopped", timeout=SLOW_MS)
    expect(teacher.part("train-resume")).to_be_enabled(timeout=SLOW_MS)
    expect(student.part("train-resume")).to_be_disabled()
    teacher.part("page-lock").click()
    expect(teacher.part("train-start")).to_be_disabled(timeout=SLOW_MS)
    for page in (teacher, student, late):
        page.page.close()
        assert page.complaints == []


def expect_some(watched: Watched, snapshots: Path) -> None:
    """Wait until a snapshot is saved."""
    for _ in range(SLOW_MS // 500):
        if snapshots.is_dir() and any(path.name.isdigit() for path in snapshots.iterdir()):
            return
        watched.page.wait_for_timeout(500)
    raise AssertionError("no snapshot was saved")


def test_a_space_without_a_code_says_that_training_is_off(browser: Browser, home: Path) -> None:
    server = Server(home, "--host", "127.0.0.1", SPACE_ID="somebody/slm")
    try:
        visitor = Watched(browser, server.url, width=390)
        expect(visitor.part("page-who")).to_contain_text("Training is switched off on this page", timeout=SLOW_MS)
        expect(visitor.part("page-code")).to_have_count(0)
        visitor.tab("Train")
        expect(visitor.part("train-start")).to_be_disabled()
        assert visitor.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        picture(visitor, "space-phone")
        visitor.page.close()
    finally:
        server.stop()
    assert visitor.complaints == []
