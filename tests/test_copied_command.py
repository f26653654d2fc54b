"""What `slm copied` tells."""

from __future__ import annotations

import json

import numpy as np
import pytest

from slm import cli
from slm.data.batches import Corpus


def test_copied_tells_what_stands_in_the_training_stories(starter_data, tmp_path, capsys):
    corpus = Corpus(starter_data / "starter")
    ids = np.asarray(corpus.train[: int(np.argmax(corpus.train == corpus.tokenizer.eot_id))])
    (tmp_path / "story.txt").write_text(corpus.tokenizer.decode(ids.tolist()), encoding="utf-8")
    words = ["copied", "--data-dir", str(starter_data), "--data", "starter", "--text", str(tmp_path / "story.txt")]
    assert cli.main([*words, "--json"]) == 0
    *told, last = capsys.readouterr().out.strip().splitlines()
    found = json.loads(last)
    assert found["share"] == 1.0 and found["longest"]["tokens"] == len(ids)
    assert f"has {found['longest']['words']} words" in told[0]
    assert cli.main(["copied", "--data-dir", str(starter_data), "--data", "starter", "--text", "absent.txt"]) == 2
    assert "there is no file absent.txt" in capsys.readouterr().err


def test_what_is_no_story_is_told_before_an_index_is_made(starter_data, tmp_path, say, monkeypatch):
    monkeypatch.setattr("slm.copied_command._build", lambda folder: pytest.fail("an index was made"))
    (tmp_path / "book.txt").write_text("a" * 1_000_001)
    words = ("copied", "--data-dir", str(starter_data), "--data", "starter", "--rebuild", "--text")
    code, out, err = say(*words, str(tmp_path / "book.txt"))
    assert (code, out) == (2, "") and "book.txt has 1,000,001 characters, the most possible is 1,000,000" in err
    code, out, err = say(*words, str(tmp_path))
    assert (code, out) == (1, "") and err == f"slm: {tmp_path} cannot be used (Is a directory)\n"
