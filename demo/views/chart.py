"""The loss chart: curves out of a run's events, thinned to what a screen can show.

The drawing itself is `demo/static/chart.js`; it takes the dict that `chart_value` makes.
"""

from __future__ import annotations

import bisect
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.views.landmarks import Landmark
from demo.views.words import BITS_PER_BYTE, TRAINING_LOSS, VALIDATION_LOSS, finite

STATIC = Path(__file__).resolve().parent.parent / "static"
MOST_POINTS = 500
PACE = ("lr", "grad_norm", "tok_per_s")
CHART_SCRIPTS = ("chart-tools.js", "chart-labels.js", "chart-strips.js", "chart.js")

# The component's own HTML never changes with its value, so that an update redraws the chart in place.
CHART_TEMPLATE = '<div class="slm slm-chart"></div>'


def static_text(name: str) -> str:
    """The text of a file in demo/static."""
    return (STATIC / name).read_text(encoding="utf-8")


def chart_js() -> str:
    """The chart's script, for `js_on_load` of a `gr.HTML` whose `html_template` is CHART_TEMPLATE."""
    names = {"training": TRAINING_LOSS, "validation": VALIDATION_LOSS, "bits": BITS_PER_BYTE}
    tools, *rest = map(static_text, CHART_SCRIPTS)
    return "".join((tools, f"const NAMES = {json.dumps(names)};\n", *rest))


@dataclass(frozen=True)
class Curve:
    """The losses of one run, in nats per token, by step, and what else each update measured.

    `pace` is (learning rate, gradient norm, tokens a second). `bits_per_nat` turns nats per token into bits per byte.
    """

    name: str
    train: list[tuple[int, float]] = field(default_factory=list)
    val: list[tuple[int, float]] = field(default_factory=list)
    tokens: list[tuple[int, float]] = field(default_factory=list)
    clock: list[tuple[int, float]] = field(default_factory=list)
    pace: dict[int, tuple[float | None, ...]] = field(default_factory=dict)
    bits_per_nat: float | None = None

    def tokens_at(self, step: int) -> float | None:
        """Tokens seen when `step` was done."""
        return _read_off(self.tokens, step)

    def seconds_at(self, step: int) -> float | None:
        """Training time when `step` was done."""
        return _read_off(self.clock, step)


def _read_off(measured: Sequence[tuple[int, float]], step: int) -> float | None:
    """The value at `step`, on the line through the two nearest measurements; None where nothing was measured."""
    if not measured:
        return None
    right = min(max(bisect.bisect_left(measured, step, key=lambda m: m[0]), 1), len(measured) - 1)
    (s0, y0), (s1, y1) = measured[max(right - 1, 0)], measured[right]
    if s1 == s0:
        return y1 * step / s1 if s1 else y1
    return max(0.0, y0 + (y1 - y0) * (step - s0) / (s1 - s0))


def curve_from_events(name: str, events: Iterable[Mapping[str, Any]]) -> Curve:
    """The curve in a run's events. Unmeasured (null) losses are left out, a resume takes back what came after it."""
    train: dict[int, float] = {}
    val: dict[int, float] = {}
    clock: dict[int, float] = {}
    tokens: dict[int, float] = {}
    pace: dict[int, tuple[float | None, ...]] = {}
    bits_per_nat = None
    for event in events:
        kind, step = event.get("kind"), event.get("step")
        if kind == "start" and isinstance(resumed := event.get("resumed_from_step"), int):
            kept: tuple[dict[int, Any], ...] = (train, val, clock, tokens, pace)
            for series in kept:
                for late in [s for s in series if s > resumed]:
                    del series[late]
        if not isinstance(step, int) or isinstance(step, bool):
            continue
        if kind == "train":
            _put(train, step, event.get("loss"))
            _put(clock, step, event.get("elapsed_s"))
            _put(tokens, step, event.get("tokens"))
            pace[step] = tuple(finite(event.get(name)) for name in PACE)
        elif kind == "eval":
            _put(val, step, event.get("val_loss"))
            nats, bits = finite(event.get("val_loss")), finite(event.get("val_bpb"))
            bits_per_nat = bits / nats if nats and bits else bits_per_nat
    losses, known = (sorted(train.items()), sorted(val.items())), (sorted(tokens.items()), sorted(clock.items()))
    return Curve(name, *losses, *known, pace, bits_per_nat)


def _put(series: dict[int, float], step: int, value: Any) -> None:
    value = finite(value)
    if value is not None:
        series[step] = value


def decimate(points: Sequence[tuple[int, float]], most: int = MOST_POINTS) -> list[tuple[int, float, float]]:
    """At most `most` of the points, as (step, loss, mean loss of the stretch the point stands for).

    Each stretch of equally many points keeps its lowest and its highest; the first and the last point stay.
    """
    if len(points) <= most:
        return [(step, loss, loss) for step, loss in points]
    stretches = (most - 2) // 2
    kept = [(*points[0], points[0][1])]
    inner = points[1:-1]
    for k in range(stretches):
        stretch = inner[k * len(inner) // stretches : (k + 1) * len(inner) // stretches]
        mean = sum(loss for _, loss in stretch) / len(stretch)
        ends = {min(stretch, key=lambda p: p[1]), max(stretch, key=lambda p: p[1])}
        kept += [(step, loss, mean) for step, loss in sorted(ends)]
    return [*kept, (*points[-1], points[-1][1])]


def chart_value(
    curves: Sequence[Curve], *, landmarks: Sequence[Landmark] = (), budget: Mapping[str, float] | None = None,
    nothing: str | None = None,
) -> dict[str, Any]:
    """What the chart component shows, as plain JSON: at most 500 points a series.

    `nothing` stands in the place of the curves where there are none, unless the first step is awaited.

    `budget` is one of {"steps": n}, {"tokens": n}, {"minutes": m} and {"seconds": s}; its end becomes a line.
    Each point is [step, loss, mean of its stretch, tokens, seconds], of the training loss also learning rate, gradient
    norm and tokens a second; what was not measured is null.
    """
    return {
        "runs": [
            {
                "name": curve.name,
                "train": [[*row, *_pace(curve, row[0])] for row in _rows(curve, curve.train)],
                "val": _rows(curve, curve.val),
                "bits_per_nat": _short(curve.bits_per_nat),
            }
            for curve in curves
        ],
        "landmarks": [
            {"label": mark.label, "nats": _short(mark.nats), "bpb": _short(mark.bpb), "explanation": mark.explanation}
            for mark in landmarks
        ],
        "budget": _budget(budget),
        "nothing": nothing,
    }


def _pace(curve: Curve, step: Any) -> list[float | None]:
    return [_short(value) for value in curve.pace.get(step, (None,) * len(PACE))]


def _rows(curve: Curve, points: Sequence[tuple[int, float]]) -> list[list[float | None]]:
    return [
        [
            step,
            _short(loss),
            _short(mean),
            _whole(curve.tokens_at(step)),
            _short(curve.seconds_at(step)),
        ]
        for step, loss, mean in decimate(points)
    ]


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")


def _budget(budget: Mapping[str, float] | None) -> dict[str, float]:
    given = {unit: finite(value) for unit, value in (budget or {}).items()}
    ends = {unit: given[unit] for unit in ("steps", "tokens", "seconds") if given.get(unit)}
    if minutes := given.get("minutes"):
        ends["seconds"] = 60 * minutes
    return {unit: value for unit, value in ends.items() if value}
