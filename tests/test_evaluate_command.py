"""What `slm evaluate` tells beside the losses: the report card, and the overlap with the training stories."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest


def test_the_report_card_and_the_overlap_are_told_and_kept(places, say, tmp_path):
    model = Path(shutil.copytree(Path(__file__).parent / "golden" / "model", tmp_path / "model"))
    (tmp_path / "p.json").write_text('["Once upon a time", "One day the little owl"]')
    words = ("evaluate", "--checkpoint", str(model), "--data", "starter", "--overlap", "--report", "--seeds", "2")
    code, out, err = say(*words, "--prompts", str(tmp_path / "p.json"), "--json")
    told = json.loads(out.splitlines()[-1])
    assert code == 0, err
    assert told["report"]["prompts"]["name"] == "p.json" and told["report"]["losses"]["val_bpb"] == told["val_bpb"]
    overlap = told["overlap"]
    assert overlap["stories"] == told["stories"] and overlap.pop("without") is None
    counts = {name: len(overlap[name]) for name in ("contaminated", "exact")}
    assert told["report"]["overlap"] == {**overlap, **counts}
    assert f"of {told['stories']:,} stories count as seen" in out
    assert "0 stand there whole" in out and "ends properly" in out and "±" in out
    assert json.loads((model / "report.json").read_text()) == told["report"]
    assert "## Report card" in (model / "README.md").read_text()
    assert "this model learnt from other stories: copies are looked for in starter" in err
    code, out, err = say(*(w for w in words if w != "--overlap"), "--prompts", str(tmp_path / "p.json"), "--json")
    assert code == 0 and "overlap" not in json.loads(out.splitlines()[-1])["report"], err


def test_a_story_as_long_as_a_library_is_told_before_the_model_is_loaded(say, tmp_path, monkeypatch):
    monkeypatch.setattr("slm.load", lambda *_, **__: pytest.fail("the model was loaded"))
    (tmp_path / "text.txt").write_text("Once.\n<|endoftext|>\n" + "a" * 1_000_001)
    code, out, err = say("evaluate", "--checkpoint", "a", "--text", str(tmp_path / "text.txt"))
    assert (code, out) == (2, "")
    assert f"story 2 of {tmp_path / 'text.txt'} has 1,000,001 characters" in err and "<|endoftext|>" in err


@pytest.mark.parametrize("flag", ["--report", "--overlap"])
def test_a_comparison_with_the_training_stories_needs_them(say, tmp_path, flag):
    (tmp_path / "text.txt").write_text("Once.")
    code, _, err = say("evaluate", "--checkpoint", "a", "--text", str(tmp_path / "text.txt"), flag)
    assert code == 2 and f"{flag} compares with the training stories: it needs --data" in err
