"""The loss chart: curves out of events, thinning that keeps the extremes, and the drawing itself in a browser."""

from __future__ import annotations

import json
import math
import random
import shutil

import pytest

from demo.views.chart import (
    CHART_TEMPLATE,
    Curve,
    chart_js,
    chart_value,
    curve_from_events,
    decimate,
    static_text,
)
from demo.views.landmarks import Landmark, earlier_runs, landmarks_for
from tests.waiting import QUICK_S

STORIES = {"vocab_size": 4096, "unigram_entropy": 5.5, "bigram_entropy": 3.5}


def losses(count: int, *, seed: int = 0) -> list[tuple[int, float]]:
    rng = random.Random(seed)
    return [(step, 2 + 6 * math.exp(-step / 50) + rng.gauss(0, 0.2)) for step in range(1, count + 1)]


def events(count: int, *, every: int = 20, floor: float = 2.0) -> list[dict]:
    log: list[dict] = [{"kind": "start", "step": 0}]
    for step, loss in losses(count):
        log.append(
            {
                "kind": "train",
                "step": step,
                "loss": loss + floor - 2,
                "tokens": 64 * step,
                "elapsed_s": step / 4,
                "lr": 0.003,
                "grad_norm": 0.5,
                "tok_per_s": 256.0,
            }
        )
        if step % every == 0:
            log.append({"kind": "eval", "step": step, "val_loss": loss + 0.1, "val_bpb": (loss + 0.1) / 3})
    return log


@pytest.mark.parametrize("count", [0, 1, 2, 499, 500, 501, 997, 1000, 12_347])
def test_thinning_keeps_ends_and_extremes_in_order(count):
    points = losses(count)
    kept = decimate(points)
    assert len(kept) <= 500
    assert count > 500 or [p[:2] for p in kept] == points
    pairs = [(step, loss) for step, loss, _ in kept]
    assert set(pairs) <= set(points)
    assert pairs == sorted(set(pairs))
    if points:
        assert pairs[0] == points[0] and pairs[-1] == points[-1]
        for extreme in (min, max):
            assert extreme(points, key=lambda p: p[1]) in pairs


def test_a_single_spike_survives_and_does_not_bend_the_mean():
    points = [(step, 1.0) for step in range(10_007)]
    points[5003] = (5003, 99.0)
    kept = decimate(points)
    spike = [p for p in kept if p[1] == 99.0]
    assert len(spike) == 1 and 1.0 < spike[0][2] < 1 + 98 / 30


def test_curve_of_a_log():
    curve = curve_from_events("a", events(47))
    assert [step for step, _ in curve.train] == list(range(1, 48))
    assert [step for step, _ in curve.val] == [20, 40]
    assert curve.tokens_at(20) == 1280 and curve.tokens_at(0) == 0
    assert curve.seconds_at(20) == 5.0 and curve.seconds_at(0) == 0.0


def test_tokens_are_read_off_between_steps_of_unlike_size():
    seen = {1: 16, 2: 32, 3: 96, 5: 224}
    log = [{"kind": "train", "step": step, "loss": 3.0, "tokens": n} for step, n in seen.items()]
    curve = curve_from_events("a", log)
    assert [curve.tokens_at(step) for step in (0, 1, 2, 3, 4, 5)] == [0, 16, 32, 96, 160, 224]


def test_a_resume_takes_back_what_came_after_it():
    log = [
        *events(30),
        {"kind": "start", "step": 10, "resumed_from_step": 10},
        {"kind": "train", "step": 11, "loss": 7.0},
    ]
    curve = curve_from_events("a", log)
    assert [step for step, _ in curve.train] == list(range(1, 12))
    assert curve.train[-1] == (11, 7.0) and curve.val == []


def test_unmeasured_and_odd_events_are_left_out():
    log = [
        {},
        {"kind": "train"},
        {"kind": "train", "step": 3, "loss": None},
        {"kind": "eval", "step": 5, "val_loss": None},
        {"kind": "train", "step": 7, "loss": float("inf")},
        {"kind": "train", "step": 11, "loss": 4.5, "elapsed_s": None},
        {"kind": "start", "step": 0, "resumed_from_step": None},
        {"kind": "later kind", "step": 2},
    ]
    curve = curve_from_events("a", log)
    assert (curve.train, curve.val, curve.tokens) == ([(11, 4.5)], [], [])
    value = chart_value([curve], landmarks=[])
    assert value["runs"][0]["train"] == [[11, 4.5, 4.5, None, None, None, None, None]]


def test_value_is_small_plain_json():
    curves = [
        Curve(f"run {i}", losses(9973, seed=i), losses(700), [(9973, 64e4)], [(0, 0.0), (9973, 100.0)])
        for i in range(3)
    ]
    value = chart_value(curves, landmarks=landmarks_for(STORIES), budget={"minutes": 2})
    text = json.dumps(value, allow_nan=False)
    assert all(len(run[series]) <= 500 for run in value["runs"] for series in ("train", "val"))
    assert len(text) < 200_000
    assert value["budget"] == {"seconds": 120}


def test_landmarks_of_a_data_set():
    marks = landmarks_for(STORIES)
    assert [round(mark.nats, 3) for mark in marks] == [8.318, 5.5, 3.5]
    assert len(landmarks_for({"vocab_size": 4096})) == 1 and landmarks_for({}) == []


def test_a_loss_of_another_vocabulary_is_given_in_bits_per_byte_alone():
    (mark,) = [m for m in landmarks_for({**STORIES, "source": "tinystories"}) if m.nats is None]
    assert mark.bpb == pytest.approx(0.83, abs=0.005)


def test_earlier_runs_are_the_best_and_the_newest_on_the_same_stories():
    def run(name, created, bpb, *, data="ts", status="finished"):
        known = {"val_bpb": bpb, "val_loss": bpb and 2 * bpb, "status": status}
        return {"name": name, "created": created, "data": data, **known}

    shown = run("shown", 100, None, status="running")
    others = [
        run("best", 10, 0.9), run("old", 20, 1.2), run("newest", 30, 1.1), run("later", 200, 0.5),
        run("elsewhere", 40, 0.4, data="other"), run("failed", 50, 0.8, status="error"), run("empty", 60, None),
    ]  # fmt: skip
    marks = earlier_runs([shown, *others], shown)
    assert [(mark.label, mark.nats, mark.bpb) for mark in marks] == [("run best", 1.8, 0.9), ("run newest", 2.2, 1.1)]


def test_bits_per_byte_follow_from_an_evaluation():
    log = [*events(3), {"kind": "eval", "step": 3, "val_loss": 4.0, "val_bpb": 1.5}]
    assert curve_from_events("a", log).bits_per_nat == 0.375
    assert curve_from_events("a", events(3)).bits_per_nat is None


# ---------------------------------------------------------------- in a browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    playwright.expect.set_options(timeout=QUICK_S * 1000)
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield running
        running.close()


@pytest.fixture
def page(browser):
    opened = browser.new_page()
    yield opened
    opened.close()


class Chart:
    """The component in a page of its own, with what Gradio gives to its script."""

    def __init__(self, page, value: dict, *, width: int = 900) -> None:
        self.page = page
        page.set_viewport_size({"width": width, "height": 700})
        self.errors: list[str] = []
        self.page.on(
            "console", lambda message: self.errors.append(message.text) if message.type == "error" else None
        )
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.set_content(f"<style>{static_text('page.css')}</style><main>{CHART_TEMPLATE}</main>")
        self.page.evaluate(
            """([source, value]) => {
                window.props = { value };
                const watch = (name, callback) => { window.changed = callback; };
                new Function("element", "trigger", "props", "server", "upload", "watch", source)(
                    document.querySelector("main"), () => {}, window.props, {}, null, watch);
            }""",
            [chart_js(), value],
        )
        self.plot = self.page.locator(".slm-chart-plot")
        self.page.wait_for_function("document.querySelector('.slm-chart-plot > svg').hasAttribute('viewBox')")

    def update(self, value: dict) -> None:
        self.page.evaluate("value => { window.props.value = value; window.changed(); }", value)

    def x_labels(self) -> list[str]:
        found = self.page.locator(".slm-chart-grid text[text-anchor=middle]").all_text_contents()
        return [label.replace(",", "") for label in found]

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def drag(self, start: float, end: float) -> None:
        box = self.plot.bounding_box()
        y = box["y"] + box["height"] / 2
        self.page.mouse.move(box["x"] + start * box["width"], y)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + end * box["width"], y, steps=4)
        self.page.mouse.up()


def one_run(count: int, **more) -> dict:
    return chart_value(
        [curve_from_events("first", events(count))], landmarks=landmarks_for(STORIES), **more
    )


@pytest.mark.browser
def test_draws_lines_points_landmarks_and_updates_in_place(page):
    chart = Chart(page, one_run(100))
    assert chart.page.locator(".slm-chart-plot .slm-chart-train").get_attribute("d").count("L") == 99
    assert chart.page.locator(".slm-chart-plot .slm-chart-dot").count() == 5
    assert (
        chart.page.locator(".slm-chart-marks text").all_text_contents()[0].startswith("guessing blindly 8.32")
    )
    assert chart.page.locator(".slm-chart-empty").is_hidden()
    chart.page.evaluate("window.kept = document.querySelector('.slm-chart-plot > svg')")
    chart.update(one_run(200))
    assert chart.page.locator(".slm-chart-plot .slm-chart-train").get_attribute("d").count("L") == 199
    assert chart.page.evaluate("window.kept === document.querySelector('.slm-chart-plot > svg')")
    assert chart.errors == []


@pytest.mark.browser
def test_axes_can_be_switched(page):
    chart = Chart(page, one_run(200))
    heights = []
    for _ in range(2):
        heights.append(chart.page.locator(".slm-chart-plot .slm-chart-head").get_attribute("cy"))
        chart.press("Log scale")
    assert heights[0] != heights[1]
    assert chart.x_labels()[-1] == "200"
    chart.press("Tokens")
    assert chart.x_labels()[-1].endswith("k")
    chart.press("Time")
    assert chart.x_labels()[-1].endswith("s")
    assert chart.errors == []


@pytest.mark.browser
def test_the_loss_is_shown_in_nats_or_in_bits_per_byte(page):
    from playwright.sync_api import expect

    marks = [*landmarks_for(STORIES), Landmark("elsewhere", None, "", 1.5)]
    chart = Chart(page, chart_value([curve_from_events("first", events(200))], landmarks=marks))
    labels = chart.page.locator(".slm-chart-marks text")
    assert not [text for text in labels.all_text_contents() if "elsewhere" in text]
    assert chart.page.locator(".slm-chart-axis").last.text_content() == "loss, nats a token"
    chart.press("bits per byte")
    assert [text for text in labels.all_text_contents() if "elsewhere 1.50" in text]
    assert [text for text in labels.all_text_contents() if "word frequencies only 1.83" in text]
    chart.page.get_by_text("The numbers").click()
    table = chart.page.locator(".slm-chart-table")
    expect(table).to_contain_text("validation loss (bits per byte)")  # it is filled when it has opened
    last = dict(curve_from_events("x", events(200)).val)[200]
    assert f"{last / 3:.3f}" in table.inner_text()
    assert chart.errors == []


@pytest.mark.browser
def test_rate_gradient_and_speed_follow_the_pointer(page):
    from playwright.sync_api import expect

    log = [{**e, "lr": e["step"] / 1e5} if e["kind"] == "train" else e for e in events(100)]
    chart = Chart(page, chart_value([curve_from_events("first", log)]))
    strips = chart.page.locator(".slm-chart-strip")
    assert [strip.split("\n")[0] for strip in strips.all_inner_texts()] == [
        "learning rate",
        "gradient norm",
        "tokens a second",
    ]
    expect(strips.first.locator("b")).to_have_text("0.001")
    chart.plot.focus()
    for _ in range(51):
        chart.page.keyboard.press("ArrowLeft")
    expect(strips.first.locator("b")).to_have_text("0.0005")
    expect(strips.nth(2).locator("b")).to_have_text("256")
    assert chart.errors == []


@pytest.mark.browser
def test_zoom_stays_across_updates_and_double_click_resets(page):
    chart = Chart(page, one_run(200))
    chart.drag(0.5, 0.75)
    zoomed = [float(label) for label in chart.x_labels()]
    assert min(zoomed) > 80 and max(zoomed) < 170
    chart.update(one_run(900))
    assert [float(label) for label in chart.x_labels()] == zoomed
    chart.plot.dblclick()
    assert float(chart.x_labels()[0]) == 0 and float(chart.x_labels()[-1]) > 700
    assert chart.errors == []


@pytest.mark.browser
def test_exact_values_by_mouse_and_by_keyboard(page):
    from playwright.sync_api import expect

    chart = Chart(page, one_run(100))
    box = chart.plot.bounding_box()
    chart.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 90)
    tip = chart.page.locator(".slm-chart-tip")
    expect(tip).to_contain_text("training")
    expect(tip).to_contain_text("validation")
    chart.page.mouse.move(5, 5)
    expect(tip).to_be_hidden()
    chart.plot.focus()
    chart.page.keyboard.press("ArrowLeft")
    loss = dict(curve_from_events("x", events(100)).train)[100]
    expect(tip).to_contain_text("step 100")
    expect(tip).to_contain_text(f"training {loss:.3f}")
    chart.page.keyboard.press("ArrowLeft")
    expect(chart.page.locator("[aria-live]")).to_contain_text("step 99")
    chart.page.get_by_text("The numbers").click()
    expect(chart.page.locator(".slm-chart-table")).to_contain_text(f"{loss:.3f}")
    assert chart.errors == []


@pytest.mark.browser
def test_names_are_text_and_runs_can_be_hidden(page):
    name = "<img src=x onerror=alert(1)>"
    curves = [curve_from_events(name, events(90)), curve_from_events("second", events(120, floor=1.5))]
    chart = Chart(page, chart_value(curves, landmarks=[]))
    assert chart.page.locator("main img").count() == 0
    assert chart.page.locator(".slm-chart-plot .slm-chart-train").count() == 2
    chart.press(name)
    assert chart.page.locator(".slm-chart-plot .slm-chart-train").count() == 1
    chart.press("second")
    assert "switched off" in chart.page.locator(".slm-chart-empty").inner_text()
    assert chart.errors == []


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1440])
def test_labels_do_not_overlap(page, width):
    chart = Chart(page, one_run(12_000, budget={"steps": 20_000}), width=width)
    boxes = chart.page.evaluate(
        "[...document.querySelectorAll('.slm-chart-plot > svg text')].map((t) => t.getBoundingClientRect().toJSON())"
    )
    assert len(boxes) > 8
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            apart = (
                a["right"] <= b["left"]
                or b["right"] <= a["left"]
                or a["bottom"] - 3 <= b["top"]
                or b["bottom"] - 3 <= a["top"]
            )
            assert apart, (a, b)
    assert chart.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.browser
@pytest.mark.parametrize("value", [None, {}, {"runs": []}, chart_value([Curve("new")])])
def test_nothing_yet_is_a_friendly_sentence(page, value):
    chart = Chart(page, value)
    assert "starts here" in chart.page.locator(".slm-chart-empty").inner_text()
    assert chart.errors == []


@pytest.mark.browser
def test_many_runs_are_told_apart_without_colours_too(page):
    chart = Chart(page, chart_value([curve_from_events(f"run-{i}", events(60)) for i in range(14)]))
    looks = chart.page.evaluate(
        """[...document.querySelectorAll('.slm-chart-legend button')].map((button) => {
            const line = button.querySelector('path'), mark = button.querySelector('.slm-chart-dot');
            const colour = getComputedStyle(line).stroke, dashes = getComputedStyle(line).strokeDasharray;
            return [colour, dashes, mark.getAttribute('d') || mark.tagName];
        })"""
    )
    assert len(looks) == 14
    assert len({(colour, dashes) for colour, dashes, _ in looks}) == 14
    assert len({(colour, mark) for colour, _, mark in looks}) == 14
    near = [looks[i : i + 5] for i in range(10)]
    assert all(len({dashes for _, dashes, _ in five}) == 5 for five in near)
    drawn = chart.page.locator(".slm-chart-plot .slm-chart-train").evaluate_all(
        "lines => lines.map((line) => getComputedStyle(line).strokeDasharray)"
    )
    assert drawn == [dashes for _, dashes, _ in looks]
    assert chart.errors == []


@pytest.mark.browser
def test_where_no_curve_comes_it_says_so(page):
    chart = Chart(page, chart_value([], nothing="This one has none."))
    assert chart.page.locator(".slm-chart-empty").inner_text() == "This one has none."
    chart.update(chart_value([]))
    assert "starts here" in chart.page.locator(".slm-chart-empty").inner_text()
