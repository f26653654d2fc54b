"""The labels of the chart's lines: wherever the lines lie, no label covers another."""

from __future__ import annotations

import random
from typing import Any

import pytest

from demo.views.chart import chart_value, curve_from_events, static_text
from demo.views.landmarks import Landmark
from tests.demo.test_chart import Chart, events, page  # noqa: F401

pytestmark = pytest.mark.browser
LARGER = "size => { document.documentElement.style.fontSize = size; window.dispatchEvent(new Event('resize')); }"
BOXES = """[...document.querySelectorAll('.slm-chart-plot > svg text')].map((text) => {
  const box = text.getBoundingClientRect();
  return [box.left, box.top + 2, box.right, box.bottom - 2];
})"""
PLACE = "cases => { " + static_text("chart-labels.js") + """
  return cases.map(([labels, frame, taken, hidden]) => placeLabels(labels, frame, taken, (box) => meet(box, hidden)));
}"""


def case(rng: random.Random) -> list[Any]:
    """Up to seven lines that lie near one another, in a drawing of any size, where one box is taken already."""
    frame = [52.0, 19.0, rng.uniform(330, 1200), rng.uniform(150, 380)]
    middle, spread = rng.uniform(frame[1], frame[3]), rng.uniform(0, 60)
    labels = [
        {
            "y": min(frame[3], max(frame[1], rng.gauss(middle, spread))),
            "width": rng.uniform(60, 270),
            "height": rng.uniform(14, 23),
        }
        for _ in range(rng.randint(1, 7))
    ]
    taken = [frame[2] - 90, frame[3] - 24, frame[2] - 20, frame[3] - 8]
    return [labels, frame, [taken], [frame[2] - 150, frame[1], frame[2], rng.uniform(*frame[1::2])]]


def meet(a: list[float], b: list[float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def test_no_label_covers_another_or_leaves_the_frame(page: Any) -> None:  # noqa: F811
    rng = random.Random(11)
    cases = [case(rng) for _ in range(400)]
    for (labels, frame, taken, _), boxes in zip(cases, page.evaluate(PLACE, cases), strict=True):
        assert all(boxes) and len(boxes) == len(labels)
        together = [*boxes, *taken]
        assert not [(a, b) for i, a in enumerate(together) for b in together[i + 1 :] if meet(a, b)]
        for label, (left, top, right, bottom) in zip(labels, boxes, strict=True):
            assert frame[0] <= left and frame[1] <= top and right <= frame[2] and bottom <= frame[3]
            assert (right - left, bottom - top) == pytest.approx((label["width"], label["height"]))


def test_a_lone_label_stands_above_its_line_where_no_curve_is_hidden(page: Any) -> None:  # noqa: F811
    label, frame = {"y": 100, "width": 80, "height": 16}, [50, 20, 400, 300]
    free, crossed, low = page.evaluate(
        PLACE,
        [
            [[label], frame, [], [0, 0, 1, 1]],
            [[label], frame, [], [300, 20, 400, 300]],
            [[{**label, "y": 25}], frame, [], [0, 0, 1, 1]],
        ],
    )
    assert free == [[320, 83, 400, 99]]
    assert crossed == [[50, 83, 130, 99]]
    assert low == [[320, 26, 400, 42]]


def test_a_label_stands_by_its_own_line(page: Any) -> None:  # noqa: F811
    upper, lower = {"y": 200, "width": 150, "height": 14}, {"y": 216, "width": 180, "height": 14}
    frame, curve = [50, 20, 270, 225], [120, 20, 270, 215]  # which all but the left end below the upper line would hide
    for labels in ([upper, lower], [lower, upper]):
        (boxes,) = page.evaluate(PLACE, [[labels, frame, [], curve]])
        above, below = boxes if labels[0] is upper else boxes[::-1]
        assert above[3] == upper["y"] - 1 and below[3] == lower["y"] - 1


def test_where_there_is_no_room_a_label_is_left_out(page: Any) -> None:  # noqa: F811
    labels = [{"y": 40, "width": 300, "height": 16}] * 3
    (boxes,) = page.evaluate(PLACE, [[labels, [50, 20, 400, 60], [], [0, 0, 1, 1]]])
    assert [bool(box) for box in boxes] == [True, True, False]


@pytest.mark.parametrize("letters", ["16px", "22px"])
def test_landmarks_near_the_end_of_the_curve_stay_apart(page: Any, letters: str) -> None:  # noqa: F811
    curve = curve_from_events("first", events(300))
    lowest = min(loss for _, loss in curve.train)
    marks = [Landmark(f"a landmark of some length {i}", lowest + 0.01 * i) for i in range(6)]
    chart = Chart(page, chart_value([curve], landmarks=marks, budget={"steps": 320}))
    page.evaluate(LARGER, letters)
    boxes = page.evaluate(BOXES)
    assert page.locator(".slm-chart-marks text").count() == 7
    assert not [(a, b) for i, a in enumerate(boxes) for b in boxes[i + 1 :] if meet(a, b)]
    assert chart.errors == []
