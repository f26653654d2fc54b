"""What `slm copied` tells."""

from __future__ import annotations

import json

import numpy as np

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
