"""A run that goes on is the one it recorded, with another budget if one is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from slm import runs
from slm.config import preset


@pytest.fixture
def stopped_run(places) -> Path:
    """A run that used 3 of its 5 minutes."""
    run = places.checkpoints / "a"
    train = {**vars(preset("golden").train), "minutes": 5.0, "learning_rate": 0.5}
    record = {"preset": "golden", "data": {"name": "starter"}, "model": vars(preset("golden").model), "train": train}
    runs.write_json(run / "run.json", record)
    return run


@pytest.mark.parametrize(
    ("words", "budget"),
    [([], {"minutes": 5}), (["--minutes", "8"], {"minutes": 8}), (["--steps", "9"], {"steps": 9})],
)
def test_a_resumed_run_is_its_own_with_another_budget_if_given(words, budget, stopped_run, say, jobs):
    code, out, _ = say("train", "--run", "a", "--resume", *words, "--threads", "1")
    (job,) = jobs
    assert code == 0 and job.resume and job.preset == "golden" and job.data.name == "starter"
    assert vars(job.model) == vars(preset("golden").model)
    given = {"minutes": None, **budget, "learning_rate": 0.5, "threads": 1}
    assert vars(job.train) == {**vars(preset("golden").train), **given}
    assert "goes on" in out


def test_a_budget_given_at_a_resume_stays_the_runs(stopped_run, say, jobs):
    with runs.EventLog(stopped_run / "events.jsonl") as log:
        log.append("start", 7, resumed_from_step=7, budget_s=None, max_steps=77)
    say("train", "--run", "a", "--resume")
    assert (jobs[0].train.steps, jobs[0].train.minutes) == (77, None)


def test_a_resumed_run_keeps_its_settings(stopped_run, say, jobs):
    code, _, err = say("train", "--run", "a", "--resume", "--n-layer", "9", "--seed", "3")
    assert code == 2 and "a resumed run keeps its own n_layer, seed" in err and jobs == []
    runs.write_json(stopped_run / "run.json", {"model": {"n_lyer": 3}, "train": {}})
    code, _, err = say("train", "--run", "a", "--resume")
    assert code == 2 and "run.json is not this version's" in err and err.count("\n") == 1
