"""The loss chart as a browser draws it."""

from __future__ import annotations

import pytest

from demo.views.chart import CHART_TEMPLATE, Curve, chart_js, chart_value, curve_from_events, static_text
from demo.views.landmarks import Landmark, landmarks_for
from tests.demo.curves import STORIES, events

pytestmark = pytest.mark.browser


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


def test_the_loss_is_shown_in_nats_or_in_bits_per_byte(page):
    from playwright.sync_api import expect

    marks = [*landmarks_for(STORIES), Landmark("elsewhere", None, "", 1.5)]
    chart = Chart(page, chart_value([curve_from_events("first", events(200))], landmarks=marks))
    labels = chart.page.locator(".slm-chart-marks text")
    assert [text for text in labels.all_text_contents() if "elsewhere 4.50" in text]
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


def test_a_loss_of_other_tokens_waits_until_a_run_tells_how_long_its_own_are(page):
    unlooked = [event for event in events(200) if event["kind"] != "eval"]
    chart = Chart(page, chart_value([curve_from_events("first", unlooked)], landmarks=[Landmark("x", None, "", 1.5)]))
    assert chart.page.locator(".slm-chart-marks text").all_text_contents() == []
    assert chart.errors == []


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


def test_a_zoom_stays_where_it_shows_something_of_other_runs(page):
    chart = Chart(page, one_run(200))
    chart.drag(0.5, 0.75)
    zoomed = chart.x_labels()
    second = curve_from_events("second", events(300))
    chart.update(chart_value([curve_from_events("first", events(200)), second], landmarks=[]))
    assert chart.x_labels() == zoomed
    chart.update(chart_value([curve_from_events("short", events(20))], landmarks=[]))
    assert float(chart.x_labels()[0]) == 0 and float(chart.x_labels()[-1]) < 30
    assert chart.errors == []


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
    expect(tip).to_contain_text(f"training loss {loss:.3f}")
    chart.page.keyboard.press("ArrowLeft")
    expect(chart.page.locator("[aria-live]")).to_contain_text("step 99")
    chart.page.get_by_text("The numbers").click()
    expect(chart.page.locator(".slm-chart-table")).to_contain_text(f"{loss:.3f}")
    assert chart.errors == []


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
    chart.update(chart_value(curves[:1], landmarks=[]))  # which no legend could switch on
    assert chart.page.locator(".slm-chart-plot .slm-chart-train").count() == 1
    assert chart.errors == []


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


@pytest.mark.parametrize("value", [None, {}, {"runs": []}, chart_value([Curve("new")])])
def test_nothing_yet_is_a_friendly_sentence(page, value):
    chart = Chart(page, value)
    assert "starts here" in chart.page.locator(".slm-chart-empty").inner_text()
    assert chart.errors == []


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


def test_where_no_curve_comes_it_says_so(page):
    chart = Chart(page, chart_value([], nothing="This one has none."))
    assert chart.page.locator(".slm-chart-empty").inner_text() == "This one has none."
    chart.update(chart_value([]))
    assert "starts here" in chart.page.locator(".slm-chart-empty").inner_text()
