"""What the Train tab foretells: from three seconds measured here, from runs that ended here, from trainings known."""

from __future__ import annotations

import math
import socket
import time
from pathlib import Path

import pytest

from demo import measuring
from demo.forms import DEFAULT_MINUTES, STARTER, TrainForm, preset_values
from demo.measuring import Speed
from demo.outlook import forecast
from demo.session import Session
from slm import forecast as law
from slm.config import PRESETS, parameter_count
from slm.files import write_json
from slm.gpus import usual_preset
from slm.runs import EventLog
from tests.demo.making import form, own_set


def test_a_forecast_says_when_the_machine_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(tmp_path / "checkpoints", tmp_path / "data")
    form = TrainForm.from_values(STARTER, "golden", 1.0, "", preset_values("golden"))
    assert "a sentence of ours" in forecast(session, form, unknown="a sentence of ours")
    monkeypatch.setattr(measuring, "_ask", lambda key: Speed(1234.0, 100.0, "cpu", time.time() - 200))
    assert "Measured on this machine 3 min 20 s ago: 1.23 k tokens" in forecast(session, form, measure=True)
    assert "1.23 k tokens a second" in forecast(session, form)


def test_the_form_as_it_is_found_foretells_a_band(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "_ask", lambda key: Speed(10_000.0, 100.0, "cpu"))
    told = forecast(session, form(usual_preset(), DEFAULT_MINUTES), measure=True)
    assert "validation loss at the end" in told and "lower is better" in told


def ended_run(
    session: Session, name: str, *, tokens: int = 900, bpb: float = 1.0, tok_per_s: float = 100.0,
    elapsed_s: float = 60.0, end: str = "finished", fingerprint: str = "own", init_from: str | None = None,
    **changes: object,
) -> Path:
    """A run of the golden preset on the data set `own`, as it stands here after its end."""
    chosen, run = PRESETS["golden"], session.checkpoints / name
    data, train = {"name": "own", "fingerprint": fingerprint}, {**vars(chosen.train), "minutes": 1.0, **changes}
    write_json(run / "run.json", {
        "run": name, "created": 1.0, "preset": "golden", "data": data, "model": vars(chosen.model), "train": train,
        "n_params": parameter_count(chosen.model), "init_from": init_from,
    })  # fmt: skip
    with EventLog(run / "events.jsonl") as log:
        log.append("start", 0, n_params=parameter_count(chosen.model), device="cpu")
        for step, speed in enumerate((1.0, tok_per_s, tok_per_s), start=3):  # the first update is slow
            log.append("train", step, loss=3.0, tokens=tokens, elapsed_s=elapsed_s, tok_per_s=speed)
        log.append("eval", 5, val_loss=3.0, val_bpb=bpb)
        log.append("end", 5, reason=end, message="")
    write_json(run / "process.json", {"host": socket.gethostname()})
    return run


def foretold(session: Session) -> str:
    form = TrainForm.from_values("own", "golden", 1.0, "", preset_values("golden"))
    return forecast(session, form, unknown="unknown")


def test_a_run_that_ended_here_tells_how_fast_its_settings_are(session: Session) -> None:
    own_set(session, "own", tokens=9_000)
    ended_run(session, "one", tok_per_s=4321.0, end="stopped", learning_rate=0.5)
    assert "just now: 4.32 k tokens a second (cpu, in run one)" in foretold(session)


@pytest.mark.parametrize(
    "changes", [{"batch_size": 7}, {"elapsed_s": 3.0}, {"end": "error"}], ids=["unlike", "short", "failed"]
)
def test_other_runs_do_not_tell_how_fast_it_is(session: Session, changes: dict) -> None:
    own_set(session, "own", tokens=9_000)
    ended_run(session, "one", **changes)
    assert "unknown" in foretold(session)


def test_a_run_of_another_machine_does_not_tell_how_fast_this_one_is(session: Session) -> None:
    own_set(session, "own", tokens=9_000)
    process = ended_run(session, "one") / "process.json"
    write_json(process, {"host": "elsewhere"})
    assert "unknown" in foretold(session)
    process.unlink()  # unpacked here
    assert "unknown" in foretold(session)


def test_a_compiled_run_does_not_tell_how_fast_one_is_that_is_not(session: Session) -> None:
    own_set(session, "own", tokens=9_000)
    with EventLog(ended_run(session, "one") / "events.jsonl") as log:
        log.append("warning", 0, code="compiling", message="")
        log.append("end", 5, reason="finished", message="")
    assert "unknown" in foretold(session)


def test_runs_that_finished_on_these_stories_tell_what_the_next_one_comes_to(session: Session) -> None:
    own_set(session, "own", tokens=9_000)
    ended_run(session, "one", tokens=3_000, bpb=2.0)
    assert "that read 3,000 tokens of these stories ended at 2.00" in foretold(session)
    ended_run(session, "two", tokens=12_000, bpb=1.0)
    width = law.BAND_MARGIN * law._fit()[1]
    middle = 2.0 * (0.9 * 60 * 100 / 3_000) ** -0.5  # at 100 tokens a second; four times as long, half the loss
    low, high = (f"{middle * math.exp(sign * width):.2f}" for sign in (-1, 1))
    assert f"{low} to {high} " in foretold(session)


@pytest.mark.parametrize(
    "changes", [{"end": "stopped"}, {"fingerprint": "another"}, {"init_from": "tinystories-5m"}],
    ids=["stopped", "on other stories", "continued"],
)
def test_other_runs_do_not_tell_what_it_comes_to(session: Session, changes: dict) -> None:
    own_set(session, "own", tokens=9_000)
    ended_run(session, "one", **changes)
    assert "No training as short and as small has ended" in foretold(session)
