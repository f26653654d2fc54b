"""The model card, filled from what a run wrote."""

from __future__ import annotations

import pytest
import yaml

from slm.card import data_licence, events_of, model_card, quoted_story
from slm.config import ModelConfig
from slm.runs import EventLog

CONFIG = ModelConfig(architecture="gpt2", n_layer=3, n_head=2, n_embd=26, block_size=23, vocab_size=307)
ABOUT = {
    "run": "a-test", "step": 40, "tokens": 123_456, "elapsed_s": 90.0, "hardware": "two cores", "seed": 11,
    "val_loss": 1.5, "val_bpb": 0.75, "command": "python -m slm train --run a-test",
    "data": {"name": "stories", "source": "tinystories", "description": "TinyStories from the Hub"},
}  # fmt: skip


def write_run(run_dir, evaluations=4):
    with EventLog(run_dir / "events.jsonl") as log:
        log.append("start", 0, n_params=1)
        for i in range(1, evaluations + 1):
            log.append("train", 10 * i, loss=3.0 / i, tokens=1000 * i)
            log.append("eval", 10 * i, val_loss=4.0 / i, val_bpb=2.0 / i, train_loss=3.0 / i)
            log.append("sample", 10 * i, prompt="Once", text=f" story {i}\n\n<b>*x*</b>", seed=5, temperature=0.8)
    return run_dir / "snapshots" / "000040"


def table(card, first):
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in card.splitlines() if line[:1] == "|"]
    start = next(i for i, row in enumerate(rows) if row[0] == first)
    return rows[start:]


def test_the_card_says_what_was_measured_and_how():
    card = model_card(ABOUT, CONFIG)
    facts = {row[0]: row[1] for row in table(card, "architecture")}
    assert facts["data"] == "TinyStories from the Hub"
    assert facts["licence of the data"].startswith("CDLA-Sharing-1.0")
    assert facts["tokens seen"] == "123,456"
    assert facts["time"] == "1.5 minutes"
    assert facts["hardware"] == "two cores"
    assert facts["validation loss"] == "1.5000 nats a token"
    assert facts["command"] == "`python -m slm train --run a-test`"
    windows = model_card({**ABOUT, "train": {"eval_windows": 1192}}, CONFIG)
    assert "| validation loss | 1.5000 nats a token, on 1,192 pieces of held-out stories |" in windows
    matter = yaml.safe_load(card.split("---")[1])
    assert matter["license"] == "mit"
    assert matter["datasets"] == ["roneneldan/TinyStories"]
    assert "## Losses" not in card and "## A story" not in card


def test_a_snapshots_card_has_the_runs_losses_and_last_story_up_to_its_step(tmp_path):
    folder = write_run(tmp_path / "run", evaluations=6)
    card = model_card(ABOUT, CONFIG, events_of(folder, 40))
    rows = table(card, "updates")
    losses = [row for row in rows if row[0].isdigit()]
    assert losses[-1] == ["40", "4,000", "0.7500", "1.0000", "0.5000"]
    assert [row[0] for row in losses] == ["10", "20", "30", "40"]
    assert "> **Once** story 4\n>\n> &lt;b&gt;\\*x\\*&lt;/b&gt;" in card
    assert "story 5" not in card


def test_many_evaluations_make_a_short_table_that_ends_with_the_last(tmp_path):
    folder = write_run(tmp_path / "run", evaluations=300)
    card = model_card(ABOUT, CONFIG, events_of(folder, 3000))
    rows = [row for row in table(card, "updates") if row[0][0].isdigit()]
    assert 5 < len(rows) <= 10
    assert (rows[0][0], rows[-1][0]) == ("10", "3,000")


@pytest.mark.parametrize(
    ("prompt", "text", "quoted"),
    [
        ("Once", " upon", "> **Once** upon"),
        ("It ran!\n\nThen it", " sat.\nThe end.", "> **It ran!**\n>\n> **Then it** sat.\n> The end."),
        ("A\r\rB\u2028C", "", "> **A**\n>\n> **B**\n> **C**"),
        ("Two *stars* and **four", " more", "> **Two \\*stars\\* and \\*\\*four** more"),
        (" Once upon a ", "time", "> **Once upon a** time"),
        ('He said, "', "Hello", '> **He said, "**&#72;ello'),
        ("", "Once *more*", "> Once \\*more\\*"),
        (" \n", "Once", ">\n> Once"),
        ("", "", ""),
    ],
)
def test_what_was_given_of_a_story_is_bold_paragraph_by_paragraph(prompt, text, quoted):
    assert quoted_story(prompt, text) == quoted


def test_what_is_no_runs_snapshot_has_no_events(tmp_path):
    write_run(tmp_path / "run")
    assert events_of(tmp_path / "run", 40) == []
    assert events_of(tmp_path / "run" / "snapshots" / "000040", None) == []


def test_each_source_has_its_own_licence():
    assert data_licence("starter").startswith("MIT")
    assert data_licence("tinystories-clean").startswith("CDLA")
    assert "https://huggingface.co/datasets/somebody/poems" in data_licence("somebody/poems")
    assert data_licence("/home/me/poems.txt") == "that of the texts it was given"


def test_a_card_holds_no_folder_of_the_machine_and_no_broken_table():
    data = {"source": "/home/me/poems", "description": "/home/me/poems: a.txt, b.txt"}
    card = model_card({"run": None, "data": data, "command": "a | b\nc"}, CONFIG)
    assert "# A small language model\n" in card
    assert "/home/me" not in card and "poems: a.txt, b.txt" in card
    assert "`a \\| b c`" in card
