"""The doctor: each illness is told once it is plain, with what to do, and no sound training is troubled."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import pytest

from slm.cli import main
from slm.doctor import diagnose, examine

CURVES = Path(__file__).parent / "golden" / "curves.json"
VOCAB = 4096
UNIGRAM = 5.96  # nats a token
DATA_TOKENS = 1_000_000


def events(losses, *, val=None, rate=3e-3, warmup=20, every=25, tokens_per_step=2048, decay=True):
    """The log of a training with these losses; `val` gives the validation loss after a step."""
    noise, log = random.Random(5), [{"kind": "start", "step": 0}]
    steps = len(losses)
    for step, loss in enumerate(losses, start=1):
        fall = min(1.0, (steps - step + 1) / (0.7 * steps)) if decay else 1.0
        lr = rate * min(1.0, step / warmup) * fall
        scattered = loss + noise.gauss(0, 0.12) if loss is not None else None
        seen = {"tokens": step * tokens_per_step, "elapsed_s": step / 2, "grad_norm": 0.5}
        log.append({"kind": "train", "step": step, "loss": scattered, "lr": lr, **seen})
        if val and step % every == 0:
            log.append({"kind": "eval", "step": step, "val_loss": val(step)})
    return log


def codes(log, **known):
    return [f.code for f in diagnose(log, **{"train_tokens": DATA_TOKENS, "unigram_entropy": UNIGRAM, **known})]


def learning(step, *, pace=60.0, floor=2.2):
    return floor + (math.log(VOCAB) - floor) / (1 + step / pace) ** 0.8


# --- nothing is wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decay", [True, False])
@pytest.mark.parametrize("pace", [20, 60, 150])
@pytest.mark.parametrize("steps", [1, 7, 60, 250, 300, 2000])
def test_a_sound_training_is_left_alone_at_every_length(steps, pace, decay):
    log = events(
        [learning(step, pace=pace) for step in range(1, steps + 1)],
        val=lambda step: learning(step, pace=pace) + 0.05 + 0.02 * math.sin(step),
        decay=decay,
    )
    assert codes(log, train_tokens=4_000_000) == []


def test_it_is_left_alone_at_every_moment_of_its_way():
    log = events([learning(step) for step in range(1, 700)], val=lambda step: learning(step) + 0.06)
    for end in range(0, len(log), 11):
        assert codes(log[:end], train_tokens=4_000_000) == [], log[end]


@pytest.mark.parametrize("name", json.loads(CURVES.read_text()))
def test_no_recorded_curve_is_troubled(name):
    curve = json.loads(CURVES.read_text())[name]
    assert codes(events(curve)) == []


def test_nothing_measured_is_nothing_wrong():
    assert diagnose([]) == []
    assert diagnose([{}, {"kind": "train"}, {"kind": "eval", "step": 3}, {"kind": "end", "step": 1}]) == []


def test_reading_the_data_many_times_without_harm_is_no_illness():
    log = events([learning(step) for step in range(1, 3001)], val=lambda step: learning(step) + 0.05)
    assert codes(log) == []


# --- something is -----------------------------------------------------------------------------------------------------


def test_a_training_that_ended_astray():
    log = [*events([3.0] * 90), {"kind": "end", "step": 90, "reason": "diverged", "message": ""}]
    (finding,) = diagnose(log)
    assert (finding.code, finding.since_step) == ("diverging", 90)
    assert "0.0003 instead of 0.003" in finding.advice


def test_a_loss_that_is_no_number():
    assert codes(events([*[3.0] * 30, None])) == ["diverging"]


def test_one_that_was_set_back_needs_nothing():
    log = [*events([3.0] * 40), {"kind": "warning", "step": 40, "code": "diverging", "message": ""}]
    (finding,) = diagnose(log)
    assert "nothing to do" in finding.advice and finding.since_step == 40


def test_a_rate_too_high_makes_the_loss_rise():
    losses = [learning(step) + max(0.0, (step - 200) / 150) for step in range(1, 700)]
    (finding,) = diagnose(events(losses, decay=False), unigram_entropy=UNIGRAM)
    assert finding.code == "rate-too-high"
    assert 150 <= finding.since_step <= 400
    assert "0.001 instead of 0.003" in finding.advice


def test_a_rate_too_high_stays_at_what_frequencies_alone_give():
    losses = [UNIGRAM + 0.3 + (math.log(VOCAB) - UNIGRAM) * math.exp(-step / 10) for step in range(1, 500)]
    assert codes(events(losses, decay=False)) == ["rate-too-high"]


def test_a_rate_too_low_falls_steadily_and_knows_nothing_yet():
    losses = [math.log(VOCAB) - step / 400 for step in range(1, 400)]
    (finding,) = diagnose(events(losses, rate=3e-5, decay=False), unigram_entropy=UNIGRAM)
    assert finding.code == "rate-too-low"
    assert "0.0003 instead of 3e-05" in finding.advice
    assert codes(events(losses[:160], rate=3e-5, decay=False)) == []
    assert diagnose(events(losses, rate=3e-5, decay=False)) == []  # what the data holds is not known


def test_over_fitting_is_dated():
    def val(step):
        return learning(step) + 0.05 + max(0.0, (step - 500) / 300)

    log = events([learning(step) - step / 1000 for step in range(1, 1201)], val=val)
    (finding,) = diagnose(log, train_tokens=4_000_000)
    assert finding.code == "overfitting"
    assert abs(finding.since_step - 500) <= 100
    assert f"step {finding.since_step:,}" in finding.advice
    assert codes(log[:600], train_tokens=4_000_000) == []


def test_data_too_small_is_a_wide_gap_after_many_readings():
    log = events([learning(step, floor=1.0) for step in range(1, 2500)], val=lambda step: learning(step, floor=2.0))
    assert codes(log) == ["data-too-small"]
    assert codes(log, train_tokens=40_000_000) == []
    assert codes(log, train_tokens=None) == []


def test_a_resumed_training_is_no_longer_astray():
    log = [*events([3.0] * 90), {"kind": "end", "step": 90, "reason": "diverged"}]
    assert codes([*log, {"kind": "start", "step": 90, "resumed_from_step": 90}]) == []


# --- on the command line ----------------------------------------------------------------------------------------------


def test_the_command_line_prints_it(tmp_places, capsys):
    run_dir = tmp_places.checkpoints / "ill"
    run_dir.mkdir()
    log = [*events([3.0] * 90), {"kind": "end", "step": 90, "reason": "diverged", "message": "too high"}]
    (run_dir / "events.jsonl").write_text("".join(json.dumps({"v": 1, "t": 1.0, **event}) + "\n" for event in log))
    assert main(["runs", "ill", "--json"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert "The loss ran away and did not come back. Start a new run with a tenth" in printed[-2]
    assert [finding["code"] for finding in json.loads(printed[-1])["doctor"]] == ["diverging"]


def test_the_data_set_is_asked_only_where_it_is_still_the_same(tmp_path):
    run_dir, folder = tmp_path / "run", tmp_path / "data" / "few"
    for made in (run_dir, folder):
        made.mkdir(parents=True)
    log = events([math.log(VOCAB) - step / 400 for step in range(1, 400)], rate=3e-5, decay=False)
    (run_dir / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in log))
    for fingerprint, found in (("a", ["rate-too-low"]), ("b", [])):
        (run_dir / "run.json").write_text(json.dumps({"data": {"name": "few", "fingerprint": "a"}}))
        manifest = {"fingerprint": fingerprint, "unigram_entropy": UNIGRAM, "train": {"tokens": 10**7}}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        assert [f.code for f in examine(run_dir, tmp_path / "data")] == found
