"""The model that comes with the project: what its card, its files and the README say of it agree."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from slm.config import SampleConfig, parameter_count, preset
from slm.files import read_json
from slm.own_sampling import load_sampling
from slm.report import as_markdown, read_report
from slm.runs import summarize

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "checkpoints" / "tinystories-5m"
MOST_MB = 10


@pytest.fixture(scope="module")
def report() -> dict:
    found = read_report(FOLDER)
    assert found is not None
    return found


def test_the_card_holds_the_report_and_every_training(report):
    card, about = (FOLDER / "README.md").read_text(encoding="utf-8"), read_json(FOLDER / "slm.json")
    assert as_markdown(report) in card
    for one in (*about["begun_from"], about):
        assert f"`{one['command']}`" in card and f"| {one['seed']} | {one['step']:,} | {one['tokens']:,} |" in card
    assert f"{about['val_loss']:.4f}" in card and f"{about['val_bpb']:.4f}" in card


def test_the_readme_says_what_was_measured(report):
    readme, losses, run = (ROOT / "README.md").read_text(encoding="utf-8"), report["losses"], summarize(FOLDER)
    section = " ".join(readme.partition("## The bundled model")[2].partition("\n## ")[0].split())
    assert f"a loss of {losses['val_loss']:.3f} nats a token, **{losses['val_bpb']:.3f} bits a byte**" in section
    assert f"standard error {losses['val_bpb_stderr']:.3f}" in section
    assert f"the excerpt's {losses['stories']:,} validation stories" in section
    found = re.search(r"\(([\d,]+) stories, ([\d.]+) M tokens, seen ([\d.]+) times\)", section)
    assert found is not None
    stories, tokens, times = found.groups()
    assert f"{stories} training stories" in (FOLDER / "README.md").read_text(encoding="utf-8")
    assert run.tokens / (1e6 * float(tokens)) == pytest.approx(float(times), abs=0.1)


def test_the_table_of_presets_counts_all_of_its_trainings():
    told, run = read_json(ROOT / "demo/static/presets.json")["mini"], summarize(FOLDER)
    assert (told["parameters"], told["tokens"]) == (run.n_params, run.tokens)
    assert told["elapsed_s"] == pytest.approx(run.elapsed_s)
    assert told["val_bpb"] == pytest.approx(run.val_bpb)


def test_it_writes_as_it_was_measured_and_as_a_new_model_would(report):
    sampling = load_sampling(FOLDER)
    assert sampling == SampleConfig()
    assert report["settings"]["sampled"] == dataclasses.asdict(sampling)


def test_it_is_the_preset_mini_and_small():
    assert read_json(FOLDER / "slm.json")["n_params"] == parameter_count(preset("mini").model)
    assert all(file.stat().st_size <= 1e6 * MOST_MB for file in FOLDER.iterdir())
