"""The report card as it is shown: every measure with its meaning, the model's bar, the mark of people."""

from __future__ import annotations

import re

from demo.views.report import progress_html, report_html
from slm.measures import MEASURES
from tests.test_report import small_report


def test_every_measure_has_its_meaning_a_bar_and_a_mark():
    page = report_html(small_report())
    for measure in MEASURES.values():
        assert measure.title in page
        assert f"aria-label='{measure.title}: model" in page
    assert page.count("<i style='width:25.0%'>") == page.count("<b style='left:100.0%'>") == len(MEASURES) - 1
    assert "Less is better." in page and "6 in all" in page
    assert "<td>25.0 % ± 1.0 (of 4)</td><td>50.0 % ± 1.0</td><td>100.0 % (of 4)</td>" in page


def test_what_a_model_wrote_cannot_become_markup():
    page = report_html(small_report())
    assert "&lt;b&gt;cat&lt;/b&gt;" in page and "<b>cat" not in page and "did not come to its end" in page


def test_where_there_is_no_card_it_says_what_to_do():
    page = report_html(None)
    assert "no report card yet" in page and "longer where the data set is large" in page


def test_progress_has_a_share_and_an_error_its_sentence():
    page = progress_html({"stage": "write", "done": 7, "total": 28})
    assert "The model writes" in page and 'aria-valuenow="25"' in page
    assert "slm-bar-open" in progress_html({"stage": "begin", "done": 0, "total": 0})
    failed = progress_html({"stage": "error", "message": "No <stories>"})
    assert re.search(r"slm-note-warning.*No &lt;stories&gt;", failed)
