"""The sliders of the Write tab in a real browser: they follow the chosen model, and leave what a person moved."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("gradio")
from playwright.sync_api import Browser, expect

from slm.checkpoint import save
from slm.config import SampleConfig
from slm.own_sampling import save_sampling
from tests.demo.browsing import Watched
from tests.demo.test_browser_queue import ClassPage
from tests.engine import random_lm

pytestmark = pytest.mark.browser
OWN = SampleConfig(temperature=0.4, top_k=7, top_p=None, max_new_tokens=90, min_p=0.05)


@pytest.fixture
def class_page(tmp_path: Path) -> Iterator[ClassPage]:
    lm = random_lm("gpt2", seed=1)
    save(tmp_path / "checkpoints/other", lm.model, lm.tokenizer, about={"step": 5})
    save_sampling(tmp_path / "checkpoints/other", OWN, eot_id=lm.tokenizer.eot_id)
    served = ClassPage(tmp_path)
    yield served
    served.close()


def test_the_sliders_follow_the_model_but_for_those_that_a_person_moved(
    browser: Browser, class_page: ClassPage
) -> None:
    page = Watched(browser, class_page.url)

    def expect_sliders(**values: float) -> None:
        for name, value in values.items():
            field = page.part(f"write-{name.replace('_', '-')}").locator("input[type=number]")
            expect(field).to_have_value(f"{value:g}")

    defaults = SampleConfig()
    usual = {"temperature": defaults.temperature, "top_k": 0, "top_p": defaults.top_p or 1,
             "max_tokens": defaults.max_new_tokens}  # fmt: skip
    theirs = {"temperature": 0.4, "top_k": 7, "top_p": 1, "max_tokens": 90}
    page.choose("write-model", "^other ")
    expect_sliders(**theirs)
    expect(page.part("write-next")).to_contain_text(re.compile("[^0-9][1-7] of 307 tokens"))  # they follow the sliders
    page.page.get_by_role("button", name="More settings").locator("visible=true").click()
    expect_sliders(min_p=0.05)
    page.choose("write-model", "^small ")
    expect_sliders(**usual)
    page.fill("write-temperature", "1.5")
    page.choose("write-model", "^other ")
    expect_sliders(**{**theirs, "temperature": 1.5})
    page.choose("write-model", "^small ")
    expect_sliders(**{**usual, "temperature": 1.5})
    page.part("write-own-settings").click()
    expect_sliders(**usual, min_p=0)
    page.page.close()
    assert page.complaints == []
