"""Where a run stands and what a beginner reads about it, in every state and with every kind of incomplete log."""

from __future__ import annotations

import itertools
import re

import pytest

from demo.views.samples import samples_html
from demo.views.status import STATES, headline, progress, state_of, status_html
from slm.doctor import Finding

START = {"kind": "start", "step": 0, "t": 100.0, "n_params": 1000, "tokens_per_step": 64}


def train(step: int, *, seconds_a_step: float = 2.0, loss: float | None = 3.0) -> dict:
    elapsed = step * seconds_a_step
    return {
        "kind": "train", "step": step, "t": 100.0 + elapsed, "loss": loss, "tokens": 64 * step, "elapsed_s": elapsed,
        "tok_per_s": 32.0,
    }  # fmt: skip


def log(**start) -> list[dict]:
    return [{**START, **start}, *(train(step) for step in range(1, 8))]


def running(**fields) -> dict:
    return {"name": "run", "status": "running", "step": 7, **fields}


def test_time_budget_counts_the_clock_since_the_last_step():
    done = progress(running(), log(budget_s=60.0), now=117.0)
    assert done.elapsed_s == 14.0
    assert done.left_s == pytest.approx(60 - 14 - 3)
    assert done.share == pytest.approx(17 / 60)


def test_step_budget_uses_the_pace_of_the_last_steps():
    done = progress(running(), log(max_steps=17), now=114.0)
    assert done.share == pytest.approx(7 / 17)
    assert done.left_s == pytest.approx(10 * 2.0)


def test_token_budget_comes_from_the_run_itself():
    done = progress(running(budget={"tokens": 64 * 11}), log(), now=115.0)
    assert done.share == pytest.approx(7 / 11)
    assert done.left_s == pytest.approx(4 * 2.0 - 1.0)


def test_minutes_of_the_run_serve_where_the_log_says_nothing():
    assert progress(running(budget={"minutes": 1}), log(), now=114.0).left_s == pytest.approx(46)


def test_the_night_between_stop_and_resume_is_no_training_time():
    events = [
        *log(budget_s=60.0),
        {**START, "step": 7, "t": 90_000.0, "budget_s": 60.0, "resumed_from_step": 7},
    ]
    done = progress(running(), events, now=90_005.0)
    assert done.left_s == pytest.approx(46)
    assert (
        progress(
            running(), [*log(max_steps=17), events[-1] | {"budget_s": None, "max_steps": 17}], now=90_005.0
        ).left_s
        is None
    )


def test_an_overrun_budget_is_a_full_bar_and_no_time_left():
    done = progress(running(), log(budget_s=5.0), now=900.0)
    assert (done.share, done.left_s) == (1.0, 0.0)
    assert "the end is near" in headline("running", done)


def test_headline_is_the_sentence_a_beginner_needs():
    done = progress(running(), log(max_steps=26), now=114.0)
    assert headline("running", done) == "Learning: step 7, 38 s left"


@pytest.mark.parametrize("state", sorted(STATES))
def test_every_state_says_what_to_do_next(state):
    summary = (
        None if state == "none" else {"name": "run", "status": "running" if state == "starting" else state}
    )
    events = (
        []
        if state in ("none", "starting", "bundled")
        else [*log(), {"kind": "checkpoint", "step": 5, "path": "x"}]
    )
    assert state_of(summary, events) == state
    markup = status_html(summary, events, now=120.0)
    assert f"slm-is-{state}" in markup
    advice = re.search(r'slm-advice">(.*?)</p>', markup)
    assert advice and advice.group(1) == STATES[state][1].format(step=5)


def test_a_run_that_saved_nothing_is_not_offered_to_resume():
    assert "Resume" not in status_html(running(status="lost"), log(), now=120.0)


def test_no_log_however_torn_raises():
    whole = [
        START, train(1), train(2, loss=None), {"kind": "eval", "step": 2, "val_loss": None, "val_bpb": None},
        {"kind": "sample", "step": 2}, {"kind": "warning", "step": 2}, {"kind": "checkpoint"}, {"kind": "end"}, {},
        {"kind": "train", "step": None, "loss": "x", "t": None, "elapsed_s": None, "tokens": float("nan")},
    ]  # fmt: skip
    for events in itertools.chain(itertools.combinations(whole, 2), itertools.combinations(whole, 9)):
        for status in ("running", "lost", "error", "unheard of"):
            assert "<h3>" in status_html({"status": status}, list(events), now=0.0)
            samples_html(list(events))


def test_unmeasured_losses_are_left_out():
    markup = status_html(running(), [START, train(1, loss=None)], now=103.0)
    assert "training loss" not in markup
    assert "None" not in markup and "nan" not in markup


def test_the_doctor_speaks_in_the_status_and_a_warning_is_not_told_twice():
    events = [*log(), {"kind": "eval", "step": 7, "val_loss": 3.0}]
    assert "nothing wrong" in status_html(running(), events, now=115.0)
    warned = [*events, {"kind": "warning", "step": 5, "code": "diverging", "message": "Back to step 5."}]
    found = [Finding("diverging", 5, "The <b>loss</b> ran away once.", "Nothing to do.")]
    markup = status_html(running(), warned, now=115.0, findings=found)
    assert "The &lt;b&gt;loss&lt;/b&gt; ran away once." in markup and "Nothing to do." in markup
    assert "Back to step 5." not in markup and "nothing wrong" not in markup
    assert "Back to step 5." in status_html(running(), warned, now=115.0)
    assert "doctor" not in status_html(running(status="finished"), events, now=115.0)


def test_a_quick_end_counts_the_steps_that_are_left():
    asked = {"kind": "warning", "step": 7, "code": "finishing", "message": "Soon.", "last_step": 9}
    done = progress(running(), [*log(budget_s=6000.0), asked], now=114.0)
    assert done.share == pytest.approx(7 / 9) and done.left_s == pytest.approx(4.0)
    resumed = [*log(budget_s=60.0), asked, {**START, "step": 7, "budget_s": 60.0, "resumed_from_step": 7}]
    assert progress(running(), resumed, now=114.0).share == pytest.approx(14 / 60)


def test_what_was_about_to_come_is_told_until_it_has():
    compiling = {"kind": "warning", "step": 0, "code": "compiling", "message": "Compiled first."}
    finishing = {"kind": "warning", "step": 7, "code": "finishing", "message": "Ends soon.", "last_step": 9}
    assert "Compiled first." in status_html(running(), [START, compiling], now=101.0)
    assert "Compiled first." not in status_html(running(), [START, compiling, train(1)], now=103.0)
    shown = status_html(running(), [*log(), finishing, train(8)], now=117.0)
    assert "Ends soon." in shown
    ended = [*log(), finishing, {"kind": "end", "step": 9, "reason": "finished"}]
    assert "Ends soon." not in status_html(running(status="finished"), ended, now=118.0)
    assert "Ends soon." not in status_html(running(), [*ended, START], now=119.0)
