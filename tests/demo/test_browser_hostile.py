"""A hostile run, model and data set in a real browser: whatever their files say is shown as text, and never runs."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("gradio")
from playwright.sync_api import Browser, expect

from tests.demo.browsing import SLOW_MS, Server, Watched

pytestmark = pytest.mark.browser
ATTACK = '"\'><img src=x onerror="window.hacked=1;alert(1)"><script>window.hacked=1</script>{{7*7}}${window.hacked=1}'
MARK = 'img[src="x"], [onerror], [onload], iframe'
# What a hostile folder cannot lie about, or it is no run or model at all.
HONEST = {"name", "kind", "path", "created", "model_type", "architectures", "preset", "fingerprint"}


def poison(value: Any, name: str = "") -> Any:
    """Every text in it replaced by the attack, but for what makes it a run, model or data set."""
    if isinstance(value, dict):
        return {key: poison(part, key) for key, part in value.items()}
    if isinstance(value, list):
        return [poison(part, name) for part in value]
    return ATTACK if isinstance(value, str) and name not in HONEST else value


def poison_file(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines() if file.suffix == ".jsonl" else [file.read_text("utf-8")]
    file.write_text("\n".join(json.dumps(poison(json.loads(line))) for line in lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def hostile(home: Path) -> Path:
    """The home with a run, an unpacked model and a data set beside the good ones, whose every text is an attack."""
    runs, data = home / "checkpoints", home / "data"
    shutil.copytree(runs / "first", runs / "hostile")
    with (runs / "hostile/events.jsonl").open("a") as log:
        for event in (
            {"kind": "warning", "code": ATTACK, "message": ATTACK},
            {"kind": "sample", "prompt": ATTACK, "text": ATTACK, "seed": 1, "temperature": 0.8},
            {"kind": "end", "reason": "error", "message": ATTACK},
        ):
            log.write(json.dumps({"v": 1, "t": 2e9, "step": 5, **event}) + "\n")
    for file in [runs / "hostile/run.json", runs / "hostile/events.jsonl", *runs.glob("hostile/**/slm.json")]:
        poison_file(file)
    for card in runs.glob("hostile/**/README.md"):
        card.write_text(f"---\nlicense: mit\n---\n# {ATTACK}\n{ATTACK}\n")
    shutil.copytree(runs / "first", runs / "<img src=x onerror=alert(1)>")
    shutil.copytree(data / "tiny", data / "hostile")
    shutil.copytree(data / "tiny", data / "<img src=x onerror=alert(1)>")
    for name in ("manifest.json", "preview.json"):
        poison_file(data / "hostile" / name)
    return home


@pytest.fixture
def opened(hostile: Path, browser: Browser, server: Server) -> Iterator[Watched]:
    watched = Watched(browser, server.url)
    watched.page.on("dialog", lambda dialog: (watched.complaints.append("a dialog"), dialog.dismiss()))
    yield watched
    harmless(watched)
    watched.page.close()
    assert watched.complaints == []


def harmless(opened: Watched) -> None:
    """Nothing of the attack has become a part of the page, or run."""
    assert opened.page.evaluate("window.hacked === undefined")
    assert opened.page.locator(MARK).count() == 0


def test_a_hostile_run_is_only_text(opened: Watched) -> None:
    opened.tab("Runs")
    expect(opened.part("runs-table")).to_contain_text("hostile", timeout=SLOW_MS)
    opened.choose("runs-run", "^hostile$")
    opened.page.wait_for_timeout(1500)
    harmless(opened)
    opened.part("runs-compare").locator("input").click()
    opened.page.get_by_role("option", name="first", exact=True).click()
    expect(opened.part("runs-differences")).to_contain_text("onerror", timeout=SLOW_MS)
    harmless(opened)
    opened.tab("Train")
    opened.choose("train-shown", "^hostile$")
    expect(opened.part("train-status")).to_contain_text("onerror", timeout=SLOW_MS)
    expect(opened.part("train-samples")).to_contain_text("onerror", timeout=SLOW_MS)
    harmless(opened)


def test_a_hostile_data_set_is_only_text(opened: Watched) -> None:
    opened.choose_set("^hostile")
    expect(opened.part("data-preview")).to_contain_text("onerror", timeout=SLOW_MS)
    harmless(opened)
    opened.tab("Train")
    opened.choose("train-data", "^hostile")
    opened.page.wait_for_timeout(1500)
    harmless(opened)


def test_a_hostile_prompt_and_model_only_write(opened: Watched) -> None:
    opened.choose("write-model", "^hostile")
    opened.fill("write-prompt", ATTACK)
    opened.fill("write-max-tokens", "5")
    opened.part("write-go").click()
    expect(opened.part("write-story")).to_contain_text(re.compile("5 tokens|the end"), timeout=SLOW_MS)
    assert ATTACK in opened.part("write-story").inner_text()
    harmless(opened)
    opened.tab("Inside")
    opened.fill("inside-text", ATTACK[:60])
    opened.part("inside-go").click()
    expect(opened.part("inside-tokens")).to_contain_text("img", timeout=SLOW_MS)
    harmless(opened)


def test_an_own_text_is_shown_as_it_was_typed(opened: Watched) -> None:
    opened.tab("Data")
    opened.page.get_by_label("Own text").check()
    story = f"Once upon a time {ATTACK} was a name. The end."
    opened.part("data-text").locator("textarea").fill("\n\n".join(f"{i} {story}" for i in range(60)))
    opened.page.get_by_role("button", name="More settings").locator("visible=true").click()
    opened.fill("data-name", "typed")
    opened.part("data-prepare").click()
    expect(opened.part("data-status")).to_contain_text("ready", timeout=SLOW_MS)
    expect(opened.part("data-preview")).to_contain_text("onerror", timeout=SLOW_MS)
    harmless(opened)
