"""What pops up on the page."""

from __future__ import annotations

import pytest


def test_a_warning_shows_what_was_typed_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    gr = pytest.importorskip("gradio")
    from demo.tabs import wiring

    told = []
    monkeypatch.setattr(gr, "Warning", told.append)
    monkeypatch.setattr(gr, "Info", told.append)
    wiring.warn(ValueError("there is no run '<img src=x>'"), "Not yet")
    wiring.inform("a<b is gone", "Deleted")
    assert told == ["Not yet: there is no run &#x27;&lt;img src=x&gt;&#x27;.", "Deleted: a&lt;b is gone."]


def test_what_is_filled_later_takes_what_an_open_page_shows_after_a_restart(session) -> None:
    """Gradio forgets with the server what it had painted: the new one knows the empty layout alone."""
    gr = pytest.importorskip("gradio")
    from demo.page import build

    lists = [b for b in build(session).blocks.values() if isinstance(b, gr.Dropdown) and len(b.choices) < 2]
    assert {"write-model", "write-other", "train-data", "train-shown", "inside-model", "data-sets", "runs-run",
            "runs-compare"} <= {b.elem_id for b in lists}  # fmt: skip
    for one in lists:
        assert one.preprocess("first") == "first", one.elem_id
    for elem_id in ("runs-stage", "inside-stage"):
        (slider,) = [b for b in build(session).blocks.values() if b.elem_id == elem_id]
        assert slider.preprocess(7) == 7
