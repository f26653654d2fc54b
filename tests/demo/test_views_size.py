"""What a model costs, and what its training comes to, in words and figures that can be checked afterwards."""

from __future__ import annotations

import math
import re

from demo.views.size import forecast_html, size_html
from slm.config import parameter_parts, preset
from slm.forecast import Forecast, flops_per_token


def text(markup: str) -> str:
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", markup))


def test_the_bar_adds_up_and_is_told_to_a_screen_reader():
    model = preset("micro").model
    markup = size_html(parameter_parts(model), memory_mb=640.0, flops_per_token=flops_per_token(model))
    assert sum(map(float, re.findall(r"width:([\d.]+)%", markup))) == 100.0
    assert 'role="img" aria-label="embedding' in markup
    assert "918 k parameters" in text(markup) and "640 MB" in text(markup)
    assert "takes 5.90 M multiplications and additions" in text(markup)


def test_a_forecast_says_tokens_time_and_both_units_of_loss():
    told = Forecast(tokens=1_230_000, steps=617, seconds=300, readings=0.28, bpb=(0.94, 1.06))
    shown = text(forecast_html(told, of="micro", tok_per_s=4100, device="cpu", nats_per_bpb=4 * math.log(2)))
    assert "Forecast for micro" in shown
    assert "it reads 1.23 M tokens 28 % of the stories" in shown
    assert "it takes 5 min about 617 steps" in shown
    assert "0.94 to 1.06 bits per byte (2.61 to 2.94 nats a token); lower is better" in shown
    assert "4.10 k tokens a second (cpu)" in shown
    assert "Measured on this machine just now" in shown


def test_a_forecast_says_how_old_its_speed_is():
    told = Forecast(tokens=9_000, steps=9, seconds=60, readings=None, bpb=None, silence="Nothing was measured.")
    for age_s, words in ((59, "just now"), (61, "1 min 1 s ago"), (7_300, "2 h 1 min ago")):
        shown = text(forecast_html(told, of="micro", tok_per_s=100, device="cpu", measured_s_ago=age_s))
        assert f"Measured on this machine {words}: 100 tokens a second" in shown


def test_where_no_loss_is_foretold_it_says_why():
    told = Forecast(
        tokens=9_000_000, steps=9, seconds=60, readings=12.3, bpb=None, silence="Nothing like it <was> measured."
    )
    markup = forecast_html(told, of="micro", tok_per_s=100, device="cpu")
    assert "at the end" not in markup and "Nothing like it &lt;was&gt; measured." in markup
    assert "each story 12.3 times" in text(markup)
