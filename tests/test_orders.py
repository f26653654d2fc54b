"""What `slm train` asks of the engine, from what was typed."""

from __future__ import annotations

import json
import re

from slm.config import preset


def test_train_hands_on_what_was_typed(places, say, jobs):
    code, out, _ = say(
        "train", "--run", "a", "--data", "starter", "--preset", "golden", "--tokens", "999", "--dropout", "0.25",
        "--grad-clip", "none", "--compile", "--json",
    )  # fmt: skip
    (job,) = jobs
    assert code == 0 and json.loads(out.splitlines()[-1])["status"] == "finished"
    assert vars(job.model) == {**vars(preset("golden").model), "dropout": 0.25}
    assert vars(job.train) == {**vars(preset("golden").train), "tokens": 999, "grad_clip": None, "compile": True}
    assert (job.run, job.preset, job.resume, job.checkpoints) == ("a", "golden", False, places.checkpoints)
    assert "186,944 parameters, data set starter, 999 tokens." in out


def test_no_budget_is_ten_minutes_and_said(places, say, jobs):
    _, out, _ = say("train", "--run", "a", "--data", "starter")
    assert jobs[0].train.minutes == 10
    assert "No --minutes, --steps or --tokens is given: 10 minutes." in out


def test_a_vocabulary_unlike_the_presets_is_said_with_the_size_it_makes(places, say, jobs):
    _, out, _ = say("train", "--run", "a", "--data", "starter", "--preset", "micro", "--steps", "1")
    assert jobs[0].model.vocab_size == 512
    line = next(line for line in out.splitlines() if "is made for" in line)
    assert "4,096" in line and "512" in line and re.search(r"makes [\d,]+ parameters", line)
    _, out, _ = say("train", "--run", "b", "--data", "starter", "--preset", "golden", "--steps", "1")
    assert "is made for" not in out


def test_a_run_that_exists_is_not_overwritten(places, say, jobs):
    say("train", "--run", "a", "--data", "starter", "--steps", "1")
    code, _, err = say("train", "--run", "a", "--data", "starter", "--steps", "1")
    assert code == 2 and "there is a run 'a' already; give another name, or --resume" in err and len(jobs) == 1
