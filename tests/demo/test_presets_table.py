"""The table of what the presets came to: made of folders, kept in one file, the same in the README and on the page."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from demo.views import presets
from demo.views.presets import measured, measured_html
from docs import presets_table
from slm.files import read_json, write_json

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    """The golden model, as if it had been trained twice."""
    folder = Path(shutil.copytree(ROOT / "tests" / "golden" / "model", tmp_path / "golden"))
    about = read_json(folder / "slm.json")
    more = {"elapsed_s": 90.0, "tokens": 1000, "val_bpb": 1.25, "hardware": "two | cores",
            "begun_from": [{"elapsed_s": 30.0, "tokens": 500}]}  # fmt: skip
    write_json(folder / "slm.json", {**about, **more})
    return folder


def test_a_folder_tells_what_its_trainings_came_to(golden: Path):
    import slm

    name, facts = presets_table.result(golden)
    assert (name, facts["elapsed_s"], facts["tokens"], facts["val_bpb"]) == ("golden", 120.0, 1500, 1.25)
    assert facts["parameters"] == 186_944
    told = slm.load(golden, device="cpu", precision="float32").generate("Once upon a time", seed=1)
    assert " ".join(told.split()).startswith(facts["story"]) and facts["story"].startswith("Once upon a time")
    assert presets_table.result(golden, hardware="a toaster")[1]["hardware"] == "a toaster"
    (golden / "slm.json").write_text("{}")
    with pytest.raises(ValueError, match="names no preset"):
        presets_table.result(golden)


@pytest.mark.parametrize(
    ("story", "first"),
    [
        ("One. Two! Three?", "One. Two!"),
        ('"Stop!" he said. She\nstopped. They ran.', '"Stop!" he said.'),
        ("No end", "No end"),
        ("Only one.", "Only one."),
    ],
)
def test_the_first_two_sentences(story, first):
    assert presets_table.first_sentences(story) == first


def test_the_table_goes_between_its_marks_and_replaces_what_was_there(golden: Path):
    name, facts = presets_table.result(golden)
    made = presets_table.table({name: facts})
    begin, end = presets_table.MARKS
    once = presets_table.with_table(f"before\n{begin}\nEARLIER\n{end}\nafter", made)
    assert once == presets_table.with_table(once, made)
    assert "EARLIER" not in once and once.endswith(f"{end}\nafter")
    assert "| `golden` | 187 k | 2 min | two \\| cores | 1.250 | Once upon a time" in once
    with pytest.raises(ValueError, match="lacks the marks"):
        presets_table.with_table("nothing", made)


def test_the_readme_shows_what_the_file_says():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert presets_table.with_table(readme, presets_table.table(measured())) == readme


def test_the_page_tells_it_and_nothing_of_a_preset_that_was_not_measured(tmp_path: Path, monkeypatch):
    facts = {"val_bpb": 0.7, "elapsed_s": 600, "hardware": "<a laptop>", "seed": 1, "story": "Once & again."}
    write_json(tmp_path / "presets.json", {"mini": facts})
    monkeypatch.setattr(presets, "MEASURED_FILE", tmp_path / "presets.json")
    told = measured_html("mini")
    assert "0.700 bits per byte after 10 min" in told and "&lt;a laptop&gt;" in told and "Once &amp; again." in told
    assert measured_html("micro") == measured_html(None) == ""
