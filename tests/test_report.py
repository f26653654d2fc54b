"""The report card as a file, as a table and in the model card."""

from __future__ import annotations

import hashlib
import json

import pytest

from slm.measures import MEASURES
from slm.report import OWN_PROMPTS, as_markdown, as_text, cell, load_prompts, read_report, rows, value, write_report


def small_report(**fields):
    """A report card with made-up numbers."""
    score = {"mean": 0.5, "stderr": 0.01, "deviation": 0.1, "count": 4}
    sides = {"greedy": score, "sampled": {**score, "mean": 0.25}, "human": {**score, "mean": 1.0, "stderr": 0.0}}
    story = {"prompt": "Once *a*", "text": " <b>cat</b>\n\nsat", "seed": 2, "ended": False}
    return {
        "v": 1, "data": {"name": "stories"}, "prompts": {"name": "p.json", "sha256": "ab", "count": 3}, "seeds": [1, 2],
        "settings": {"sampled": {"temperature": 0.8, "top_p": 0.95, "top_k": None}}, "human_stories": 7,
        "losses": {"val_bpb": 0.7, "val_bpb_stderr": 0.01}, "stories": [story],
        "measures": {key: sides for key in MEASURES if key != "longest_copy"}, **fields,
    }  # fmt: skip


OVERLAP = {
    "run_words": 12, "seen_above": 0.5, "stories": 1000, "contaminated": 3, "exact": 1, "mean_share": 0.0104,
    "highest_share": 0.625,
}  # fmt: skip


def test_the_projects_own_prompts_are_beginnings_that_go_on():
    prompts = load_prompts()
    assert prompts.name == "prompts.json" and len(prompts.texts) >= 20
    assert len(set(prompts.texts)) == len(prompts.texts)
    assert prompts.sha256 == hashlib.sha256(OWN_PROMPTS.read_bytes()).hexdigest()
    assert not any(text.rstrip().endswith((".", "!", "?")) or text.endswith(" ") for text in prompts.texts)


@pytest.mark.parametrize("content", ["", "{}", "[]", '["", "a"]', "[1]", "not json", "[" * 100_000])
def test_a_file_of_anything_else_is_no_file_of_prompts(tmp_path, content):
    (tmp_path / "p.json").write_text(content)
    with pytest.raises(ValueError, match=r"p\.json"):
        load_prompts(tmp_path / "p.json")
    with pytest.raises(ValueError, match="absent"):
        load_prompts(tmp_path / "absent.json")


def test_every_measure_is_a_row_with_a_cell_for_each_side():
    table = {title: cells for title, *cells in rows(small_report())}
    assert list(table) == [m.title for m in MEASURES.values()]
    assert table["ends properly"] == ["50.0 % ± 1.0", "25.0 % ± 1.0 (of 4)", "100.0 % (of 4)"]
    assert table["longest copy"] == ["–", "–", "–"]
    text = as_text(small_report())
    assert "6 in all" in text and "temperature 0.8, top_p 0.95; seeds 1 to 2" in text and "0.7000 ± 0.0100" in text


def test_a_cell_says_of_how_many_stories_it_is_where_some_have_no_value():
    report = small_report()
    for side, all_of_them in (("greedy", 3), ("sampled", 6), ("human", 7)):
        score = {"mean": 0.5, "stderr": 0.0}
        counted = {key: {side: {**score, "count": all_of_them - n}} for n, key in enumerate(("loops", "own_runs"))}
        report["measures"] = {**counted, "real_words": {side: score}}
        found = [cell(report, key, side) for key in ("loops", "own_runs", "real_words")]
        assert found == ["50.0 %", f"50.0 % (of {all_of_them - 1})", "50.0 %"]


def test_what_stands_in_the_training_stories_is_told_where_it_was_looked_for():
    assert "training stories;" not in as_text(small_report())
    for told in (as_text(small_report(overlap=OVERLAP)), as_markdown(small_report(overlap=OVERLAP))):
        assert (
            "Of a held-out story's runs of 12 words 1.04 % on average and 62.5 % at most stand in the training "
            "stories; 3 of 1,000 stories count as seen (more than 50 %, or whole), of which 1 stand there whole."
        ) in told


def test_a_card_says_with_which_words_a_story_comes_again():
    settings = {"sampled": {"temperature": 0.8, "max_new_tokens": 321}}
    assert "`--precision float32 --max-new-tokens 321 --seed N`" in as_markdown(small_report(settings=settings))
    card = as_markdown(small_report(settings=settings, precision="int8"))
    assert "`--precision int8 --max-new-tokens 321 --seed N`" in card
    assert "--seed" not in as_markdown(small_report())


def test_each_paragraph_of_a_prompt_is_bold_and_nothing_of_a_story_without_one():
    story = small_report()["stories"][0]
    stories = [{**story, "prompt": "One *day*.\n\nThen"}, {**story, "prompt": "", "text": "Once"}]
    card = as_markdown(small_report(stories=stories))
    assert "> **One \\*day\\*.**\n>\n> **Then** &lt;b&gt;" in card
    assert card.endswith("Seed 2 (cut: its tokens ran out):\n\n> Once")


def test_a_damaged_report_is_none_and_a_damaged_number_a_dash(tmp_path):
    assert read_report(tmp_path) is None
    for content in ("{", "[]", '{"v": 1}', '{"v": 99, "measures": {}}'):
        (tmp_path / "report.json").write_text(content)
        assert read_report(tmp_path) is None
    report = small_report(measures={"loops": {"human": {"mean": "high"}}, "real_words": 3})
    assert value(report, "loops", "human") is value(report, "real_words", "human") is None
    assert {cell for _, *cells in rows(report) for cell in cells} == {"–"}


def test_the_model_card_takes_the_report_in_once_before_its_use(tmp_path):
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n\n# A model\n\n## Use\n\nLoad it.\n")
    write_report(tmp_path, small_report())
    first = (tmp_path / "README.md").read_text()
    assert first.index("# A model") < first.index("## Report card") < first.index("## Stories") < first.index("## Use")
    assert "| ends properly | 50.0 % ± 1.0 | 25.0 % ± 1.0 (of 4) | 100.0 % (of 4) |" in first
    assert "Seed 2 (cut: its tokens ran out):" in first
    assert "> **Once \\*a\\*** &lt;b&gt;cat&lt;/b&gt;\n>\n> sat" in first
    write_report(tmp_path, small_report())
    assert (tmp_path / "README.md").read_text() == first
    write_report(tmp_path, small_report(seeds=[5]))
    again = (tmp_path / "README.md").read_text()
    assert again.count("## Report card") == 1 and "seeds 5" in again and again.endswith("Load it.\n")
    assert read_report(tmp_path) == json.loads(json.dumps(small_report(seeds=[5])))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["README.md", "report.json"]


def test_every_measure_is_explained_in_the_model_card():
    card = as_markdown(small_report())
    assert all(m.meaning in card for m in MEASURES.values())
