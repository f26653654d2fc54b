"""A quick good end: the learning rate falls from where it is to its end within a stated number of updates."""

from __future__ import annotations

import itertools

import pytest

from slm import launch
from slm.budget import MOST_FINISH_STEPS, Budget
from slm.cli import main
from slm.config import TrainConfig
from slm.optim import learning_rate_scale
from slm.runs import finish_requested, read_events, request_finish, status
from slm.train import train
from tests.training import job


def budget(step: int, **config) -> Budget:
    made = Budget(TrainConfig(**{"steps": 10_000, "warmup_steps": 5, **config}), block_size=7)
    made.begin(step=step, tokens=7 * step)
    return made


@pytest.mark.parametrize(("step", "more"), [(0, 1), (3, 1), (50, 5), (700, 70), (1999, 200), (5000, 200)])
def test_a_tenth_of_the_updates_and_never_more_than_the_most(step, more):
    made = budget(step)
    assert made.finish() == step + more
    assert more <= MOST_FINISH_STEPS
    for _ in range(more):
        assert made.progress() < 1.0
        made.count_update(7)
    assert made.progress() == 1.0


def test_where_the_learning_rate_never_falls_the_end_comes_when_it_was_said():
    made = budget(700, decay_ratio=0.0)
    last = made.finish()
    while made.progress() < 1.0:
        assert learning_rate_scale(made.config, step=made.step, progress=made.progress()) == 1.0
        made.count_update(7)
    assert made.step == last == 770


@pytest.mark.parametrize("step", [700, 5000])  # before and within the planned fall
def test_the_learning_rate_falls_in_a_line_from_where_it_is(step):
    made = budget(step)
    rates = []

    def rate() -> float:
        return learning_rate_scale(made.config, step=made.step, progress=made.progress())

    before = rate()
    last = made.finish()
    assert last is not None
    while made.progress() < 1.0:
        rates.append(rate())
        made.count_update(7)
    assert rates[0] == pytest.approx(before)
    falls = [a - b for a, b in itertools.pairwise(rates)]
    assert falls == pytest.approx([before / len(rates)] * len(falls))


def test_the_planned_end_comes_first_where_it_is_nearer():
    made = budget(9_990)
    assert made.finish() == 10_000
    for _ in range(10):
        assert made.progress() < 1.0
        made.count_update(7)
    assert made.progress() == 1.0


def test_where_the_budget_is_used_there_is_nothing_to_bring_to_an_end():
    made = budget(10_000)
    assert made.finish() is None and not made.finishing


def test_asked_twice_it_goes_on_as_it_began():
    made = budget(100)
    assert made.finish() == 110 and made.finish() is None


def test_a_training_comes_to_its_end_and_can_go_on(starter_data, tmp_path):
    asked = job(starter_data, tmp_path, train={"steps": 1000, "eval_interval": 500})
    for event in train(asked):
        if event["kind"] == "train" and event["step"] == 30:
            request_finish(asked.run_dir)
    events, _ = read_events(asked.run_dir)
    steps = [e["step"] for e in events if e["kind"] == "train"]
    assert steps == list(range(1, 34))
    (warning,) = [e for e in events if e["kind"] == "warning"]
    assert (warning["code"], warning["last_step"]) == ("finishing", 33)
    rates = [e["lr"] for e in events if e["kind"] == "train"]
    assert rates[29] == rates[30] > rates[31] > rates[32] > 0
    assert events[-1]["reason"] == status(asked.run_dir) == "finished" and "quick end" in events[-1]["message"]
    kept = [e for e in events if e["kind"] == "checkpoint"]
    assert kept[-1]["step"] == 33
    assert not finish_requested(asked.run_dir)

    longer = job(starter_data, tmp_path, train={"steps": 36, "eval_interval": 500}, resume=True)
    assert [e["step"] for e in train(longer) if e["kind"] == "train"] == [34, 35, 36]


def test_only_what_runs_can_finish(tmp_places, capsys):
    run_dir = tmp_places.checkpoints / "done"
    run_dir.mkdir()
    (run_dir / "events.jsonl").write_text('{"v": 1, "t": 1, "kind": "end", "step": 3, "reason": "finished"}\n')
    with pytest.raises(ValueError, match="not running: it is finished"):
        launch.finish(run_dir)
    assert main(["finish", "--run", "done"]) == 2 and main(["finish", "--run", "nobody"]) == 2
    said = capsys.readouterr().err
    assert "not running" in said and "no run 'nobody'" in said


def test_what_runs_is_asked(tmp_places, monkeypatch):
    run_dir = tmp_places.checkpoints / "now"
    run_dir.mkdir()
    monkeypatch.setattr(launch, "status", lambda folder: "running")
    assert main(["finish", "--run", "now"]) == 0
    assert finish_requested(run_dir)
