"""Numbers as people say them, and the views of data sets, runs and model sizes."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from demo.views.data import compact_counts, manifest_html, preview_html, progress_html
from demo.views.runs import HEADERS, runs_rows
from demo.views.size import size_html
from demo.views.words import bar, compact, duration, megabytes, number, percent

NOTHING = "\u2013"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min"), (98, "1 min 38 s"), (3600, "1 h"), (3725, "1 h 2 min"),
        (86400 * 3 + 7200, "3 d 2 h"), (-5, "0 s"), (None, NOTHING), (float("inf"), NOTHING),
    ],
)  # fmt: skip
def test_durations(seconds, said):
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (7, "7"), (0.123456, "0.123"), (999, "999"), (999.6, "1.00 k"), (1234, "1.23 k"), (51_000_000, "51.0 M"),
        (999_700, "1.00 M"), (123_456_789, "123 M"), (0, "0"), (None, NOTHING), (float("nan"), NOTHING),
    ],
)  # fmt: skip
def test_compact_numbers_have_three_digits_and_a_unit(value, said):
    assert compact(value) == said


def test_shares_and_sizes():
    assert [percent(x) for x in (0.0, 0.0004, 0.05, 0.5, 1.0, None)] == [
        "0.0 %",
        "< 0.1 %",
        "5.0 %",
        "50 %",
        "100 %",
        NOTHING,
    ]
    assert [megabytes(x) for x in (3.14, 38.2, 2500)] == ["3.1 MB", "38 MB", "2.5 GB"]
    assert number(1234567.891, 1) == "1,234,567.9"


def test_a_bar_stays_within_its_ends():
    assert 'aria-valuenow="100"' in bar(7.0, "x") and 'aria-valuenow="0"' in bar(-1.0, "x")
    assert "aria-valuenow" not in bar(None, "x")


def test_progress_with_and_without_an_end():
    assert "1,200 of 4,800" in progress_html(
        {"stage": "tokenise", "done": 1200, "total": 4800, "elapsed_s": 61.0}
    )
    assert 'aria-valuenow="25"' in progress_html({"stage": "tokenise", "done": 1200, "total": 4800})
    assert "slm-bar-open" in progress_html({"stage": "read", "done": 1200, "total": None})
    assert 'aria-valuenow="100"' in progress_html({"stage": "done", "done": 5, "total": 5})
    assert "slm-note" in progress_html(None)


MANIFEST = {
    "name": "starter",
    "train": {"stories": 5000, "tokens": 1_000_000, "bytes": 4_100_000},
    "validation": {"stories": 500, "tokens": 100_000, "bytes": 410_000},
    "dropped": {"duplicates": 312, "empty": 0, "overlap": 3},
    "repaired": 1,
    "length_histogram": {"edges": [0, 50, 100, 150], "counts": [10, 30, 0]},
}


def test_manifest_counts_drops_and_lengths():
    markup = manifest_html(MANIFEST)
    assert "<td>5,000</td><td>1,000,000</td><td>4,100,000</td>" in markup
    assert (
        "Left out, 315 stories" in markup
        and "<b>312</b> the same story again" in markup
        and "nothing in it" not in markup
    )
    assert "1 story had broken characters" in markup
    heights = [float(h) for h in re.findall(r'height="([\d.]+)"><title>', markup)]
    assert heights[1] == pytest.approx(3 * heights[0], abs=0.2) and heights[2] == 0
    assert "50 to 99 tokens: 30 stories (75 %)" in markup
    table = markup.partition("<summary>The numbers</summary>")[2]
    assert re.findall(r"<td>([^<]*)</td>", table) == ["0", "49", "10", "50", "99", "30", "100", "149", "0"]


def test_lengths_without_an_end_say_so():
    markup = manifest_html({"name": "x", "length_histogram": {"edges": [0, 1000], "counts": [1, 2]}})
    assert re.findall(r"<td>([^<]*)</td>", markup)[-6:] == ["0", "999", "1", "1,000", "or more", "2"]


def test_half_a_manifest_is_shown_as_far_as_it_goes():
    assert "No data set yet" in manifest_html(None)
    assert "older" in manifest_html({"name": "older"})
    assert "<rect" not in manifest_html({"name": "x", "length_histogram": {"edges": [], "counts": []}})
    assert compact_counts(MANIFEST) == "5.00 k stories, 1.00 M tokens"
    assert compact_counts({"train": {"stories": 1, "tokens": 1}}) == "1 story, 1 token"


def test_preview_is_limited():
    assert preview_html(["a"] * 40, limit=7).count("<article") == 7


def test_runs_are_rows_of_text_newest_first():
    old = SimpleNamespace(
        name="old", status="finished", created=1_000.0, n_params=4_700_000, val_loss=1.5, elapsed_s=98.0
    )
    new = SimpleNamespace(name="new", status="running", created=2_000.0, step=None)
    headers, rows = runs_rows([old, new])
    assert headers == HEADERS and [row[0] for row in rows] == ["new", "old"]
    assert all(len(row) == len(headers) and all(isinstance(cell, str) for cell in row) for row in rows)
    shown = dict(zip(headers, rows[1], strict=True))
    assert (shown["parameters"], shown["validation loss"], shown["time"], shown["bits per byte"]) == (
        "4.70 M",
        "1.500",
        "1 min 38 s",
        NOTHING,
    )


def test_size_bar_adds_up_to_the_model():
    markup = size_html(
        {"embedding": 3000, "positions": 0, "attention": 1000, "mlp": 1000},
        memory_mb={"weights": 10, "rest": 30},
    )
    first, second = markup.split("Training it takes")
    assert sum(float(w) for w in re.findall(r"width:([\d.]+)%", first)) == pytest.approx(100, abs=0.1)
    assert "embedding 3.00 k (60 %)" in first and "positions" not in first
    assert "40 MB" in second
    assert size_html({}) == ""
