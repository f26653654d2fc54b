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
