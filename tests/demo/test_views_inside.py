"""The views into the model: what they say, and that what the script draws arrives whole and small enough."""

from __future__ import annotations

import base64
import re

import numpy as np
import pytest

from demo.views.inside import attention_html, lens_html, probs_html, tokens_html


def some_attention(layers: int, heads: int, length: int) -> np.ndarray:
    scores = np.random.default_rng(7).normal(size=(layers, heads, length, length))
    weights = np.tril(np.exp(scores))
    return (weights / weights.sum(-1, keepdims=True)).astype(np.float32)


def weights_in(markup: str) -> np.ndarray:
    """What the script reads: shares of attention, (layers, heads, T, T)."""
    layers, heads, length = (
        int(re.search(rf'data-{name}="(\d+)"', markup).group(1)) for name in ("layers", "heads", "length")
    )
    flat = np.frombuffer(base64.b64decode(re.search(r'data-weights="([^"]*)"', markup).group(1)), np.uint8)
    full = np.zeros((layers, heads, length, length))
    rows, columns = np.tril_indices(length)
    full[:, :, rows, columns] = (flat.reshape(layers, heads, -1) / 255) ** 2
    return full


def test_attention_arrives_within_half_a_percent():
    attention = some_attention(2, 3, 11)
    sent = weights_in(attention_html(attention, ["a"] * 11))
    np.testing.assert_allclose(sent, attention, atol=0.005)


@pytest.mark.parametrize(("layers", "heads", "length"), [(6, 8, 64), (12, 9, 128), (1, 1, 17)])
def test_attention_stays_under_200_kilobytes(layers, heads, length):
    markup = attention_html(some_attention(layers, heads, length), [" token"] * length)
    assert len(markup.encode()) < 200_000
    shown = weights_in(markup).shape[-1]
    assert shown == length or f"first {shown} of {length}" in markup
    assert (layers, heads, length) != (6, 8, 64) or shown == 64


def test_weights_that_are_no_numbers_are_drawn_as_nothing():
    assert weights_in(attention_html([[[[float("nan")]]]], ["a"])).sum() == 0


def test_tokens_show_text_and_number_and_spaces():
    markup = tokens_html([" cat", "\n"], [13, 21])
    assert re.findall(r"<b>(.*?)</b><small>(.*?)</small>", markup) == [("\u2423cat", "13"), ("\u21b5", "21")]
    assert "5 characters became 2 tokens" in markup
    assert markup.count("slm-tint-5") == 2  # 13 and 21 leave the same rest by 8: colour comes from the number


def test_the_end_of_a_story_is_named():
    assert "<b>(the end)</b>" in probs_html([(4095, "<|endoftext|>", 0.5)])


def test_probabilities_and_what_is_left_over():
    markup = probs_html([(3, "a", 0.5), (5, "b", 0.125)])
    assert re.findall(r"<span>([^<]*)</span></li>", markup) == ["50 %", "12 %"]
    assert "All other tokens together: 38 %" in markup
    assert "slm-after" not in markup
    assert probs_html([(3, "a", 0.5, 0.75)]).count('slm-after" style="width:75.0%') == 1


def test_lens_marks_the_guesses_that_came_true():
    lens = [[("b", 0.25), ("x", 0.5)], [("b", 0.75), ("c", 0.5)]]
    markup = lens_html(lens, ["a", "b", "c"])
    assert markup.index("layer 2") < markup.index("layer 1")
    right = re.findall(r'class="slm-guess( slm-right)?', markup)
    assert right == [" slm-right", " slm-right", " slm-right", ""]


def test_nothing_to_look_at_is_a_hint():
    for markup in (tokens_html([], []), probs_html([]), attention_html(None, []), lens_html([], [])):
        assert "slm-note" in markup
