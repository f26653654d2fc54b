"""The benchmark of watched trainings: how it reads speeds and memory, and what it calls missed."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.watchers import COME_S, WARM_S, Turn, growth, report, speed


def seen(**changes: Any) -> dict[str, Any]:
    usual = {"waits_ms": [3.0, 4.0, 5.0], "opening_ms": [70.0], "errors": [], "reopened": 0, "mb": 1.0, "cpu_s": 1.0}
    return {**usual, **changes}


def turns(count: int, **changes: Any) -> list[Turn]:
    """Alone and watched by turns, each of twenty seconds."""
    return [Turn(20.0 * k, 20.0 * (k + 1), seen(**changes) if k % 2 else {}, 1.0) for k in range(2 * count)]


def log(taken: list[Turn], *, alone: int, watched: int) -> list[dict[str, Any]]:
    """A training that reads so many tokens in each second of a turn, and hardly any while watchers come."""
    events, tokens = [], 0
    for turn in taken:
        for second in range(20):
            tokens += 1 if second < COME_S else watched if turn.seen else alone
            events.append({"kind": "train", "t": turn.begun + second + 0.5, "tokens": tokens})
    return events


def steady(seconds: int, *, grows: float = 0.0) -> list[tuple[float, float]]:
    """A memory that doubles while the server gets warm, and then grows by so many MB a second."""
    return [(float(at), 200.0 if at < WARM_S else 400.0 + grows * (at - WARM_S)) for at in range(seconds)]


def test_a_speed_is_that_of_the_turn_after_the_watchers_came() -> None:
    alone, watched, *_ = taken = turns(1)
    events = log(taken, alone=1000, watched=900)
    assert speed(events, alone) == 1000 and speed(events, watched) == 900
    with pytest.raises(SystemExit, match="saw 1 updates: give it more seconds"):
        speed(events[-1:], watched)


def test_memory_is_looked_at_once_the_server_is_warm() -> None:
    assert growth(steady(200), 0.0) == 0.0
    assert growth(steady(200, grows=0.1), 0.0) == pytest.approx(13.5 / 400, rel=0.01)
    assert growth(steady(60), 0.0) is None


def test_a_good_run_misses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(turns(5), log(turns(5), alone=1000, watched=990), steady(200)) == []
    said = capsys.readouterr().out
    assert "alone 1,000 (1,000 to 1,000) tokens/s, watched 990 (990 to 990)" in said
    assert "5 answers while the pages opened: 70 (70 to 70) ms" in said and "15 answers: median 4.0 ms" in said
    assert "watched to alone: 99.0 (99.0 to 99.0) %" in said and "+0.0 % (target 1 %)" in said


@pytest.mark.parametrize(
    ("changes", "watched", "memory", "says"),
    [
        ({}, 900, steady(200), "the training has 90.0 % of its speed"),
        ({"waits_ms": [300.0]}, 990, steady(200), "95th percentile of the answers is 300 ms"),
        ({"errors": ["refused"]}, 990, steady(200), "5 questions went wrong"),
        ({}, 990, steady(200, grows=0.1), "memory grew: +2.9 %"),
    ],
)
def test_what_is_missed_is_said(changes: dict[str, Any], watched: int, memory: list, says: str) -> None:
    taken = turns(5, **changes)
    (missed,) = report(taken, log(taken, alone=1000, watched=watched), memory)
    assert says in missed


def test_a_run_of_less_than_a_minute_tells_nothing_of_memory(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(turns(1), log(turns(1), alone=1000, watched=1000), steady(40)) == []
    assert "too short to tell" in capsys.readouterr().out
