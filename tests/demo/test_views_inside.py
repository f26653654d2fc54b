"""The view into the model: that all of it arrives, small enough, and that whatever a text holds is drawn as text."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

pytest.importorskip("torch")

from demo.views.chart import static_text
from demo.views.inside import attention_value, inside_js, inside_value, panel_template, word_js, word_value
from slm.inspection import Inspection, Neighbour
from tests.demo.test_views_escaping import NASTY

PANELS = ("tokens", "probs", "lens", "attention", "near")


def some_attention(layers: int, heads: int, length: int) -> np.ndarray:
    scores = np.random.default_rng(7).normal(size=(layers, heads, length, length))
    weights = np.tril(np.exp(scores))
    return (weights / weights.sum(-1, keepdims=True)).astype(np.float32)


def weights_in(value: dict, length: int) -> np.ndarray:
    """What the script reads: shares of attention, (layers, heads, kept, kept)."""
    kept = length - value["first"]
    flat = np.frombuffer(base64.b64decode(value["weights"]), np.uint8)
    full = np.zeros((value["layers"], value["heads"], kept, kept))
    rows, columns = np.tril_indices(kept)
    full[:, :, rows, columns] = (flat.reshape(value["layers"], value["heads"], -1) / 255) ** 2
    return full


def test_attention_arrives_within_half_a_percent():
    attention = some_attention(2, 3, 11)
    np.testing.assert_allclose(weights_in(attention_value(attention), 11), attention, atol=0.005)


@pytest.mark.parametrize(("layers", "heads", "length"), [(6, 8, 64), (12, 9, 128), (1, 1, 17)])
def test_attention_stays_under_200_kilobytes_and_keeps_the_newest_tokens(layers, heads, length):
    attention = some_attention(layers, heads, length)
    value = attention_value(attention)
    first = value["first"]
    assert len(json.dumps(value)) < 200_000
    assert (first == 0) == (layers * heads * length * (length + 1) / 2 <= 127_500)
    np.testing.assert_allclose(weights_in(value, length), attention[:, :, first:, first:], atol=0.005)


def test_weights_that_are_no_numbers_are_drawn_as_nothing():
    assert weights_in(attention_value(np.full((1, 1, 1, 1), np.nan)), 1).sum() == 0


def seen_of(pieces: list[str], *, skipped: int = 0) -> Inspection:
    """Three tokens with ids 5, 6, 7, seen by a model of one layer and two heads."""
    heads = np.zeros((1, 2, 3, 3), np.float32)
    heads[0, 0] = [[1.0, 0, 0], [0.75, 0.25, 0], [0.04, 0.32, 0.64]]
    heads[0, 1] = [[1.0, 0, 0], [0.25, 0.75, 0], [0.04, 0.96, 0]]
    return Inspection(
        ids=[5, 6, 7],
        pieces=pieces,
        skipped=skipped,
        attention=heads,
        lens=[[(6, pieces[1], 0.5), (30, "x", 0.25), (31, "y", 0.125)]],
        probs=[[(6, pieces[1], 0.5), (9, "nine", 0.25)], [(9, "nine", 0.75)], [(5, pieces[0], 0.9)]],
        entropy=[math.log(4), 0.0, 1.0],
        foreseen=[None, (0.5, 1), (0.0625, 11)],
    )


def raw_of(pieces: Sequence[str | bytes]) -> Callable[[int], bytes]:
    """The bytes of ids 5, 6, 7; all other ids have a name of their own."""
    known = {5 + i: p if isinstance(p, bytes) else p.encode(errors="replace") for i, p in enumerate(pieces)}
    return lambda id: known.get(id, b"other")


def near_of(pieces: list[str]) -> list[list[Neighbour]]:
    def group(first: int) -> list[Neighbour]:
        one = Neighbour(id=first, text=pieces[first - 5], similarity=1.0, x=-1.0, y=-0.5)
        return [one, Neighbour(id=40 + first, text=f"near {first}", similarity=0.5, x=1.0, y=0.5)]

    return [group(first) for first in (5, 6, 7)]


def value_of(pieces: list[str], *, remark: str = "", skipped: int = 0) -> dict:
    seen = seen_of(pieces, skipped=skipped)
    near, raw = near_of(pieces), raw_of(pieces)
    return inside_value(seen, near, title=pieces[0], remark=remark, vocab_size=50, tied=True, raw=raw)


def test_everything_about_a_text_is_json_with_a_name_for_every_id():
    value = json.loads(json.dumps(value_of(["One", " two", "\n"]), allow_nan=False))
    guessed = {6, 30, 31}
    ids = guessed | {id for row in value["probs"] for id, _ in row} | {
        one[0] for group in value["near"].values() for one in group
    }
    assert ids | set(value["ids"]) == set(map(int, value["names"]))
    assert [value["names"][str(i)] for i in value["ids"]] == ["One", "\u2423two", "\u21b5"]
    assert value["foreseen"] == [None, [0.5, 1], [0.0625, 11]]
    assert value["near"]["6"] == [[6, 1.0, -1.0, -0.5], [46, 0.5, 1.0, 0.5]]
    assert value["characters"] == 8


def test_a_part_of_a_character_is_named_by_its_bytes():
    raw = raw_of([b"\xf0\x9f", b"\x90\xb6", b" dog"])
    seen = seen_of(["\ufffd", "\ufffd\ufffd", " dog"])
    value = inside_value(seen, [], title="", remark="", vocab_size=50, tied=True, raw=raw)
    assert [value["names"][str(i)] for i in value["ids"]] == ["F0 9F", "90 B6", "\u2423dog"]
    assert value["parts"] == [6, 5] and value["characters"] == len("\U0001f436 dog")
    lead = word_value("\U0001f436", near_of(["\ufffd", "\ufffd\ufffd", "s"])[:2], more=0, tied=True, raw=raw)["lead"]
    assert "reads 2 instead: F0 9F \u00b7 90 B6. Choose" in lead


def test_a_layers_guess_at_a_part_of_a_character_is_named_by_its_bytes_too():
    raw = [b"\xf0\x9f", b"\x90\xb6", b" dog"]
    seen = seen_of(["\ufffd", "\ufffd\ufffd", " dog"])
    value = inside_value(seen, [], title="", remark="", vocab_size=50, tied=True, raw=raw_of(raw))
    assert [name for name, _ in value["lens"][0]] == ["90 B6", "x", "y"]
    assert value["lens"][0][0][0] == value["names"]["6"]  # the guess that came true has a frame by that


def test_numbers_that_are_none_leave_as_none():
    seen = seen_of(["a", "b", "c"])
    seen.entropy[1] = math.nan
    value = inside_value(seen, [], title="", remark="", vocab_size=50, tied=True, raw=raw_of("abc"))
    assert value["entropy"][1] is None


def test_a_word_of_several_tokens_says_so():
    groups = near_of([" dino", "saur", "s"])
    raw = raw_of([" dino", "saur", "s"])
    alone = word_value("dino", groups[:1], more=0, tied=True, raw=raw)
    assert alone["lead"] == "\u201cdino\u201d is one token of this model."
    value = word_value("dinosaurs", groups, more=0, tied=True, raw=raw)
    assert value["ids"] == [5, 6, 7]
    assert (
        "no token for \u201cdinosaurs\u201d and reads 3 instead: \u2423dino \u00b7 saur \u00b7 s. Choose"
        in value["lead"]
    )
    assert (
        "reads 9 instead: \u2423dino \u00b7 saur \u00b7 s \u2026."
        in word_value("x", groups, more=6, tied=True, raw=raw)["lead"]
    )


# --- the drawing ----------------------------------------------------------------------------------------------


class Drawn:
    """The panels on a page of their own, drawn from a value as gradio would have them drawn."""

    def __init__(self, browser, value: dict, *, js: str | None = None, panels: tuple[str, ...] = PANELS) -> None:
        self.page = browser.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", lambda dialog: self.errors.append("a dialog"))
        css = static_text("page.css") + static_text("inside.css")
        places = "".join(f'<div id="inside-{name}">{panel_template(name, "Nothing yet")}</div>' for name in panels)
        self.page.set_content(f"<style>{css}</style><main>{places}</main>")
        self.page.evaluate(
            """([source, value, id]) => {
                window.props = { value };
                new Function("element", "trigger", "props", "server", "upload", "watch", source)(
                    document.getElementById(id), () => {}, window.props, {}, null,
                    (_, draw) => { window.redraw = draw; });
            }""",
            [js or inside_js(), value, f"inside-{panels[0]}"],
        )

    def part(self, name: str):
        return self.page.locator(f"#inside-{name}")

    def show(self, value: dict) -> None:
        self.page.evaluate("value => { window.props.value = value; window.redraw(); }", value)

    def chosen(self, name: str) -> list[str]:
        found = self.part(name).locator('button[data-at][aria-pressed="true"]')
        return [found.nth(i).get_attribute("data-at") for i in range(found.count())]


@pytest.mark.browser
def test_one_token_is_chosen_in_all_panels(browser):
    drawn = Drawn(browser, value_of(["One", " <b>", " end"]))
    assert drawn.part("tokens").locator(".slm-token").all_inner_texts() == ["One\n5", "\u2423<b>\n6", "\u2423end\n7"]
    assert [drawn.chosen(name) for name in PANELS] == [["2", "2"], [], ["2"], ["2"], []]
    assert (
        "Token 3 is number 7. The model had given it 6.3\u00a0%, its 11th guess." in drawn.part("tokens").inner_text()
    )
    drawn.part("tokens").locator(".slm-token").nth(1).click()
    assert [drawn.chosen(name) for name in PANELS] == [["1", "1"], [], ["1"], ["1"], []]
    assert "its likeliest guess. Surprise: 0.69 nats (0 if it was certain" in drawn.part("tokens").inner_text()
    assert "all but sure" in drawn.part("probs").inner_text()
    assert "\u201c\u2423end\u201d had 6.3\u00a0% and was the 11th guess" in drawn.part("probs").inner_text()
    assert "Nearest to \u2423<b>, number 6" in drawn.part("near").inner_text()
    drawn.page.keyboard.press("ArrowLeft")
    assert drawn.chosen("lens") == ["0"]
    assert drawn.page.evaluate("document.activeElement.dataset.at") == "0"
    assert "as unsure as among 4.0 equally likely ones" in drawn.part("probs").inner_text()
    assert drawn.part("probs").locator(".slm-came b").inner_text() == "\u2423<b>"
    assert drawn.part("lens").locator(".slm-column").all_inner_texts() == ["One", "\u2423<b>", "\u2423<b>"]
    assert drawn.part("lens").locator(".slm-right").count() == 1
    drawn.page.keyboard.press("End")
    assert drawn.chosen("tokens") == ["2", "2"]
    assert drawn.errors == []


@pytest.mark.browser
def test_attention_is_drawn_and_says_where_a_token_looks(browser):
    drawn = Drawn(browser, value_of(["One", " <b>", " end"]))
    attention = drawn.part("attention")
    says = attention.locator(".slm-attn-says")
    assert (
        "\u2423end\u201d (itself) 64\u00a0%, \u201c\u2423<b>\u201d 32\u00a0%, \u201cOne\u201d 4.0\u00a0%"
        in says.inner_text()
    )
    attention.locator(".slm-attn-word").nth(1).click()
    assert "\u201cOne\u201d 75\u00a0%, \u201c\u2423<b>\u201d (itself) 25\u00a0%" in says.inner_text()

    def ink() -> list[int]:  # red falls as blue ink rises
        return drawn.page.evaluate(
            """() => { const canvas = document.querySelector(".slm-attn-large canvas");
                const data = canvas.getContext("2d").getImageData(0, 0, 3, 3).data;
                return [0, 3, 4, 8].map((at) => data[4 * at]); }"""
        )

    first, strong, weak, last = ink()
    assert first < strong < weak and first < last < weak
    attention.get_by_role("button", name="Layer 1, head 2").click()
    assert attention.locator("h4").inner_text() == "Layer 1, head 2"
    _, weak, strong, _ = ink()
    assert strong < weak
    attention.get_by_role("button", name="Layer 1, all heads: the mean").click()
    assert "50\u00a0%, \u201c\u2423<b>\u201d (itself) 50\u00a0%" in says.inner_text()
    frame = attention.locator(".slm-attn-frame")
    box = frame.bounding_box()
    frame.click(position={"x": 0.5 * box["width"], "y": 0.9 * box["height"]})
    assert drawn.chosen("tokens") == ["2", "2"]
    assert drawn.errors == []


@pytest.mark.browser
def test_another_snapshot_keeps_the_place_and_another_text_does_not(browser):
    drawn = Drawn(browser, value_of(["One", " two", " end"]))
    drawn.part("lens").locator("button").nth(0).click()
    drawn.show({**value_of(["One", " two", " end"]), "remark": "The snapshot is gone.", "title": "later"})
    assert drawn.chosen("tokens") == ["0", "0"]
    assert "The snapshot is gone." in drawn.part("tokens").locator(".slm-note").inner_text()
    drawn.show({**value_of(["One", " two", " end"], skipped=2000), "ids": [5, 6, 6]})
    assert drawn.chosen("tokens") == ["2", "2"]
    assert "the 2,000 before them are left out" in drawn.part("tokens").inner_text()
    assert "Token 2003 is number 6" in drawn.part("tokens").inner_text()
    assert drawn.errors == []


@pytest.mark.browser
@pytest.mark.parametrize("text", NASTY[:-1])
def test_text_never_becomes_markup(browser, text):
    tags = """() => [...document.querySelectorAll("main *")]
        .map((node) => [node.tagName, ...node.getAttributeNames()].join())"""
    plain, drawn = (Drawn(browser, value_of([one, one, one], remark=one)) for one in ("plain", text))
    assert drawn.page.evaluate(tags) == plain.page.evaluate(tags)
    assert drawn.part("tokens").locator("b").first.text_content() == text.replace(" ", "\u2423")
    word = word_value(text, near_of([text] * 3), more=0, tied=False, raw=raw_of([text] * 3))
    drawn = Drawn(browser, word, js=word_js(), panels=("found",))
    assert text.replace(" ", "\u2423") in drawn.part("found").locator("p").first.text_content()
    assert drawn.part("found").locator("img, script, h1").count() == 0
    assert drawn.errors == []


@pytest.mark.browser
def test_each_token_of_a_word_has_its_neighbours(browser):
    pieces = [" dino", "saur", "s"]
    value = word_value("dinosaurs", near_of(pieces), more=0, tied=True, raw=raw_of(pieces))
    drawn = Drawn(browser, value, js=word_js(), panels=("found",))
    found = drawn.part("found")
    assert "Nearest to \u2423dino" in found.inner_text()
    assert found.locator(".slm-near li").all_inner_texts() == ["near\u24235\n0.50"]
    found.get_by_role("button", name="saur", exact=True).click()
    assert found.locator(".slm-near li b").all_inner_texts() == ["near\u24236"]
    assert found.locator("svg text").all_text_contents() == ["saur", "near\u24236"]
    drawn.show({})
    assert found.inner_text().strip() == ""
    assert drawn.errors == []
